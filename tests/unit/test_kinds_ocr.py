"""The ocr kind: prompts, pages as Qwen3-VL writes them, what is kept of bad ones."""

import hashlib
import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from sightline.kinds.contract import Image, Reply, StoredImage, UnusableOutput
from sightline.kinds.ocr import boxes, html, kie, markdown, prompt, tables
from sightline.kinds.ocr.kind import Ocr, OcrInput
from sightline.kinds.text import storable

PAGE = Image(index=0, width=1240, height=1754)
LINE = '{"bbox_2d": [82, 64, 911, 97], "text_content": "Invoice 4711"}'
TOTAL = '{"bbox_2d": [600, 900, 911, 930], "text_content": "Total 12.00"}'


def run(mode, *replies, fields=None, pages=None, params=None):
    """The outcome and the calls of a run that is answered with `replies`."""
    count = pages or len(replies)
    images = [Image(index=index, width=1240, height=1754) for index in range(count)]
    steps = Ocr().run(
        input={"mode": mode, "images": [], "fields": fields}, params=params or {}, images=images
    )
    calls = [next(steps)]
    for reply in replies:
        try:
            calls.append(steps.send(reply))
        except StopIteration as end:
            return end.value, calls
    raise AssertionError("the run wants another reply")


def said(text: str, finish: str = "stop") -> Reply:
    return Reply(text=text, finish=finish)


def test_the_prompts_are_those_the_models_were_trained_on():
    modes = ("text", "markdown", "html", "boxes", "kie")
    assert [prompt.prompt(mode, ["a"]) for mode in modes[:3]] == [
        "Read all the text in the image.",
        "qwenvl markdown",
        "qwenvl html",
    ]
    assert (
        prompt.prompt("kie", ["a", "b"])
        == 'Extract the key-value information in the format: {"a": "", "b": ""}'
    )
    digest = hashlib.sha256(json.dumps([prompt.prompt(mode, ["a"]) for mode in modes]).encode()).hexdigest()
    assert digest == "ced4bbcddfd75b80c458aaaf98a1f344ecbe63f6cb051df1e658ff806fcef7fc"
    assert [part["type"] for part in prompt.messages(image=0, mode="text")[0]["content"]] == ["image", "text"]


def test_text_is_the_page_as_the_model_read_it():
    outcome, calls = run("text", said("Invoice 4711\nTotal 12.00\n"))
    assert outcome.complete
    assert outcome.output == {
        "schema": "ocr/1",
        "mode": "text",
        "pages": [
            {
                "page": 1,
                "width": 1240,
                "height": 1754,
                "text": "Invoice 4711\nTotal 12.00",
                "markdown": None,
                "html": None,
                "blocks": [],
                "fields": None,
                "raw": None,
                "finish": "stop",
                "attempts": 1,
                "warnings": [],
            }
        ],
    }
    assert calls[0].sampling == {"temperature": 0.0}


@pytest.mark.parametrize(
    ("mode", "text"),
    [
        ("boxes", f"```json\n[{LINE}]\n```"),
        ("kie", '{"total": "12.00"}'),
        ("markdown", "```markdown\n# Invoice\n```"),
        ("html", "```html\n<h1>Invoice</h1>\n```"),
    ],
)
def test_a_page_keeps_what_the_model_wrote_where_it_was_read_into_something_else(mode, text):
    outcome, _ = run(mode, said(text), fields=["total"] if mode == "kie" else None)
    assert outcome.output["pages"][0]["raw"] == text


def test_a_page_that_is_what_the_model_wrote_does_not_keep_it_twice():
    for mode, text in (("text", " Invoice "), ("markdown", "# Invoice\n"), ("html", "<h1>Invoice</h1>")):
        outcome, _ = run(mode, said(text))
        assert outcome.output["pages"][0]["raw"] is None, mode


@pytest.mark.parametrize(
    "text",
    [
        f"[{LINE}]",
        f"```json\n[\n\t{LINE}\n]\n```",
        f"```json\n[{LINE}]",
        "[{'bbox_2d': [82, 64, 911, 97], 'text_content': 'Invoice 4711'}]",
        f"Here is the text:\n```json\n[{LINE}]\n```\nThat is all.",
        f'{{"lines": [{LINE}]}}',
        LINE,
        f"[{LINE},]",
        '[{"bbox": [82, 64, 911, 97], "text": "Invoice 4711"}]',
        '[{"bbox_2d": ["82", "64", "911", "97"], "text_content": "Invoice 4711"}]',
    ],
)
def test_every_shape_of_boxes_is_the_same_line(text):
    outcome, _ = run("boxes", said(text))
    (page,) = outcome.output["pages"]
    assert page["text"] == "Invoice 4711"
    assert page["blocks"] == [
        {
            "id": "p1b0",
            "type": "text",
            "bbox_2d": [82, 64, 911, 97],
            "bbox_norm": [0.082, 0.064, 0.911, 0.097],
            "bbox_px": [102, 112, 1130, 170],
            "clamped": False,
            "text_content": "Invoice 4711",
            "order": 0,
        }
    ]
    assert outcome.complete


@pytest.mark.parametrize(
    "tail",
    [", ", ', {"bbox_2d": [600, 9', ', {"bbox_2d": [600, 900, 911, 930], "text_content": "Tot', ', {"bb'],
)
def test_a_list_that_was_cut_off_keeps_its_complete_items_and_warns(tail):
    outcome, _ = run("boxes", said(f"```json\n[{LINE}{tail}", "length"))
    (page,) = outcome.output["pages"]
    assert [block["text_content"] for block in page["blocks"]] == ["Invoice 4711"]
    assert page["finish"] == "length"
    assert any("cut off" in warning for warning in page["warnings"])
    assert (outcome.complete, outcome.finish_reason) == (False, "length")


def test_one_object_a_line_is_a_list():
    assert [block.text for block in boxes.read(f"{LINE}\n{TOTAL}").blocks] == ["Invoice 4711", "Total 12.00"]


def test_latex_backslashes_in_a_string_survive():
    reading = boxes.read(r'[{"bbox_2d": [1, 2, 3, 4], "text_content": "\(x^2\) and \sum"}]')
    assert reading.blocks[0].text == r"\(x^2\) and \sum"


def test_an_empty_list_is_an_empty_page():
    outcome, _ = run("boxes", said("[]"))
    assert outcome.complete
    assert outcome.output["pages"][0]["blocks"] == []


def test_boxes_beyond_the_grid_are_clamped_and_flagged():
    outcome, _ = run("boxes", said('[{"bbox_2d": [-5, 0, 1200, 500], "text_content": "x"}]'))
    (block,) = outcome.output["pages"][0]["blocks"]
    assert block["bbox_2d"] == [-5, 0, 1200, 500]
    assert block["bbox_px"] == [0, 0, 1239, 877]
    assert block["clamped"] is True


def test_an_item_without_a_box_is_left_out_with_a_warning():
    reading = boxes.read(f'[{LINE}, {{"text_content": "floating"}}, 5]')
    assert len(reading.blocks) == 1
    assert len(reading.warnings) == 2


def test_a_page_that_is_no_json_is_asked_once_more_under_a_schema():
    outcome, calls = run("boxes", said("Invoice 4711"), said(f"[{LINE}]"), pages=1)
    assert calls[1].structured_outputs == {"json": boxes.SCHEMA}
    assert calls[1].messages == calls[0].messages
    assert outcome.complete
    assert outcome.output["pages"][0]["attempts"] == 2


def test_pages_that_are_all_unusable_fail_and_a_good_one_is_kept():
    with pytest.raises(UnusableOutput):
        run("boxes", said("no"), said("no"), pages=1)
    outcome, _ = run("boxes", said("no"), said("no"), said(f"[{LINE}]"), pages=2)
    first, second = outcome.output["pages"]
    assert not outcome.complete
    assert first["text"] == "no"
    assert first["warnings"]
    assert second["blocks"]


def test_a_page_that_loops_makes_the_job_incomplete_and_the_others_are_kept():
    outcome, calls = run("text", said("one"), said("two " * 2000, "length"), said("three"))
    assert [call.label for call in calls] == ["page 1 of 3", "page 2 of 3", "page 3 of 3"]
    told = [(call.progress.done, call.progress.total) if call.progress else None for call in calls]
    assert told == [None, (1, 3), (2, 3)], "each page is told before the next one is asked for"
    items = [item for call in calls for item in call.items] + list(outcome.items)
    assert [item.data for item in items] == outcome.output["pages"]
    assert outcome.progress is not None
    assert (outcome.progress.done, outcome.progress.unit) == (3, "page")
    assert [call.messages[0]["content"][0]["index"] for call in calls] == [0, 1, 2]
    assert [page["finish"] for page in outcome.output["pages"]] == ["stop", "repetition", "stop"]
    assert (outcome.complete, outcome.finish_reason) == (False, "repetition")
    assert outcome.output["pages"][2]["text"] == "three"


MARKDOWN = r"""# Invoice 4711

<!-- Image (78, 217, 916, 500) -->

Thank you for
your order.

<!-- Table (60, 520, 940, 700) -->
\begin{tabular}{|l|r|}
\hline
\textbf{Item} & Price \\
\hline
\multicolumn{2}{|c|}{Goods \& services} \\ \hline
Tea & 5\% \\
\end{tabular}

| Name | Sum |
|:-----|----:|
| Ada  | 12 \| 13 |
"""


def test_markdown_is_read_into_blocks_with_tables_and_boxes():
    reading = markdown.read(f"```markdown\n{MARKDOWN}```")
    assert reading.markdown == MARKDOWN.strip()
    assert [(block.type, block.bbox) for block in reading.blocks] == [
        ("heading", None),
        ("image", [78, 217, 916, 500]),
        ("text", None),
        ("table", [60, 520, 940, 700]),
        ("table", None),
    ]
    assert reading.blocks[3].rows == [["Item", "Price"], ["Goods & services"], ["Tea", "5%"]]
    assert reading.blocks[4].rows == [["Name", "Sum"], ["Ada", "12 | 13"]]
    assert reading.text.startswith("Invoice 4711\n\nThank you for\nyour order.\n\nItem\tPrice\n")


def test_markdown_keeps_code_blocks_of_the_page():
    text = "# Title\n\n```python\nprint(1)\n```\n\nEnd"
    assert markdown.read(text).markdown == text


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        (r"\begin{tabular}{cc} a & b \\ c & \begin", [["a", "b"], ["c", r"\begin"]]),
        (
            r"\begin{tabular*}{\textwidth}{@{}l{3}r@{}}a & b\\[2pt] c & d\end{tabular*}",
            [["a", "b"], ["c", "d"]],
        ),
        ("<table><tr><th>a<td>b</tr><tr><td>c", [["a", "b"], ["c"]]),
        ("<table><tr><td>a<br>b</td><td>&amp;</td></tr></table><p>x</p>", [["a\nb", "&"]]),
        ("a | b\n--|--\n1 | 2", [["a", "b"], ["1", "2"]]),
    ],
)
def test_tables_of_all_three_notations_are_rows(text, rows):
    assert tables.rows(text) == rows


@pytest.mark.parametrize("text", ["", "plain", "a | b", "a | b\nno rule | here", "- - -\n- - -"])
def test_what_is_no_table_is_none(text):
    assert tables.rows(text) is None


HTML = """```html
<html><body>
<h1 data-bbox="82 64 911 97">Invoice <b>4711</b></h1>
<div class="image" data-bbox="78 217 916 500"><img data-bbox="78 217 916 500"/></div>
<p data-bbox="60 510 940 540">Tom &amp; Ada</p>
<table data-bbox="60 550 940 700"><tr><td>Tea</td><td>5</td></tr></table>
<script>alert(1)</script>
<p>No box</p>
</body></html>
```"""


def test_html_is_read_into_blocks_in_order():
    reading = html.read(HTML)
    assert reading.html.startswith("<html>")
    assert reading.html.endswith("</html>")
    assert [(block.type, block.bbox, block.text) for block in reading.blocks] == [
        ("heading", [82, 64, 911, 97], "Invoice 4711"),
        ("image", [78, 217, 916, 500], None),
        ("image", [78, 217, 916, 500], None),
        ("text", [60, 510, 940, 540], "Tom & Ada"),
        ("table", [60, 550, 940, 700], "Tea\t5"),
    ]
    assert reading.blocks[4].rows == [["Tea", "5"]]
    assert "alert" not in reading.text
    assert "No box" in reading.text


def test_html_that_was_cut_off_keeps_what_was_open():
    reading = html.read('<body><p data-bbox="1 2 3 4">one<p data-bbox="5 6 7 8">two')
    assert [block.bbox for block in reading.blocks] == [[1, 2, 3, 4], [5, 6, 7, 8]]


def test_kie_gives_the_values_and_names_those_not_answered():
    outcome, calls = run("kie", said('```json\n{"no": "4711", "total": "12.00"}\n```'), fields=["no", "date"])
    (page,) = outcome.output["pages"]
    assert page["fields"] == {"no": "4711", "total": "12.00"}
    assert page["warnings"] == ["not answered: date"]
    assert calls[0].messages[0]["content"][1]["text"].endswith('{"no": "", "date": ""}')


def test_kie_keeps_the_complete_pairs_of_a_cut_off_object():
    reading = kie.read('{"no": "4711", "items": [{"name": "Tea"}, {"name": "Co', None)
    assert reading.fields == {"no": "4711", "items": [{"name": "Tea"}]}
    assert reading.warnings


def test_the_repair_of_kie_asks_for_the_shape_of_the_template():
    schema = kie.schema({"no": "", "items": [{"name": ""}]})
    assert schema["required"] == ["no", "items"]
    assert schema["properties"]["items"]["items"]["required"] == ["name"]


# --- input ---------------------------------------------------------------------------------------------------------

REF = {"upload_id": "up_1"}


@pytest.mark.parametrize(
    ("value", "error"),
    [
        ({"images": [REF] * 101}, ("too_many_images", ("images",))),
        ({"images": []}, ("image_required", ("images",))),
        ({}, ("missing", ("images",))),
        ({"images": [REF], "pages": 2}, ("extra_forbidden", ("pages",))),
        ({"images": [REF], "mode": "pdf"}, ("literal_error", ("mode",))),
        ({"images": [REF], "fields": ["a"]}, ("fields_without_kie", ())),
        (
            {"images": [REF], "mode": "kie", "fields": {"a": "\x00"}},
            ("nul_character", ("fields", "template")),
        ),
        ({"images": [REF], "mode": "kie", "fields": ["a"] * 201}, ("too_long", ("fields", "names"))),
        ({"images": [{"data": "not a data uri"}]}, ("image_source", ("images", 0))),
    ],
)
def test_an_input_outside_the_schema_is_refused_by_name(value, error):
    with pytest.raises(ValidationError) as refused:
        OcrInput.model_validate(value)
    assert [(item["type"], item["loc"]) for item in refused.value.errors()] == [error]


def test_the_stored_input_keeps_the_order_of_pages_and_costs_by_page():
    given_input = OcrInput.model_validate({"images": [REF] * 3, "mode": "kie", "fields": ["a"]})
    stored = Ocr().bind(
        given_input, [StoredImage(sha256=str(n), width=1, height=1, mime="image/png") for n in range(3)]
    )
    assert [image["media"]["sha256"] for image in stored["images"]] == ["0", "1", "2"]
    assert Ocr().cost(given_input) == Ocr().cost(stored) == 4


# --- properties ----------------------------------------------------------------------------------------------------

GARBAGE = st.lists(
    st.sampled_from(
        [
            "```json\n",
            "```",
            "[",
            "]",
            "{",
            "}",
            '"',
            "'",
            ",",
            ":",
            "\\",
            "\\u12",
            "\n",
            "\n\n",
            "|",
            "---",
            " & ",
            "\\\\",
            "\\begin{tabular}{",
            "\\end{tabular}",
            "\\multicolumn{2}{c}{",
            "<table",
            "<tr>",
            "<td>",
            "</table>",
            '<p data-bbox="1 2 3 4">',
            "</p>",
            "<![x",
            "<!--",
            "-->",
            "<!-- Table (1, 2, 3, 4) -->",
            "&#0;",
            "&#xd800;",
            LINE,
            '{"bbox_2d": [1e999, NaN, 3, 4], "text_content": "\\u0000\\ud800"}',
            "\x00",
            "�",
            "9" * 5000,
            "[" * 2000,
            "<div>" * 500,
        ]
    ),
    max_size=25,
).map("".join)


@given(st.one_of(st.text(), GARBAGE), st.sampled_from(["text", "markdown", "html", "boxes", "kie"]))
def test_no_text_raises_anything_but_unusable_output_and_every_output_can_be_stored(text, mode):
    steps = Ocr().run(input={"mode": mode, "images": [], "fields": None}, params={}, images=[PAGE])
    next(steps)
    outcome = None
    try:
        steps.send(said(text))
        steps.send(said(text))
    except UnusableOutput:
        return
    except StopIteration as end:
        outcome = end.value
    assert storable(outcome.output) == outcome.output
    assert json.dumps(outcome.output, allow_nan=False, ensure_ascii=False).encode()


@pytest.mark.parametrize(
    "unit",
    [
        "<a ",
        "<a b='",
        "<!--",
        "<p data-bbox='1 2 3 4'>",
        "<table data-bbox='1 2 3 4'>",
        "</",
        "\\\\[",
        "{'a':",
        " ",
    ],
)
def test_a_loop_of_markup_is_read_in_a_moment(unit):
    text = unit * (50_000 // len(unit))
    started = time.process_time()
    for mode in (markdown.read, html.read):
        mode(text)
    assert time.process_time() - started < 5

"""The gui kind: prompt, answers as Qwen3-VL writes them, actions, repair."""

import hashlib
import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from sightline.kinds.contract import Image, Outcome, Reply, StoredImage, UnusableOutput
from sightline.kinds.gui import prompt
from sightline.kinds.gui.actions import ACTIONS, InvalidAction, call_schema, checked
from sightline.kinds.gui.answer import parse
from sightline.kinds.gui.kind import Gui, GuiInput, GuiParams
from sightline.kinds.text import storable

SCREEN = Image(index=0, width=1920, height=1080)
CLICK = '{"name": "computer_use", "arguments": {"action": "left_click", "coordinate": [512, 87]}}'
TAGGED = f"<tool_call>\n{CLICK}\n</tool_call>"
INPUT = {"tool": "computer_use", "instruction": "Save the file", "images": [], "history": []}


def run(*replies: Reply, input=INPUT, params=None, image=SCREEN):
    """The outcome and the calls of a run that is answered with `replies`."""
    steps = Gui().run(input=input, params=params or {}, images=[image])
    calls = [next(steps)]
    for reply in replies:
        try:
            calls.append(steps.send(reply))
        except StopIteration as end:
            return end.value, calls
    raise AssertionError("the run wants another reply")


def said(text: str, finish: str = "stop") -> Reply:
    return Reply(text=text, finish=finish)


def test_the_prompts_are_those_the_small_model_was_trained_on():
    digests = {tool: hashlib.sha256(prompt.system(tool).encode()).hexdigest() for tool in prompt.SIGNATURES}
    assert digests == {
        "computer_use": "8858bcbcd8f463cb81bceaaf1d7f1eb55be73b0e74cff14b01f9632dcc31b04f",
        "mobile_use": "490835f2fd66eff37996acffe214b0f5dc96c17e2297882499bb5514d42ccfc6",
    }


def test_the_signature_in_the_prompt_is_json_and_offers_the_actions_that_are_parsed():
    for tool in prompt.SIGNATURES:
        inner = prompt.system(tool).split("<tools>\n", 1)[1].split("\n</tools>", 1)[0]
        action = json.loads(inner)["function"]["parameters"]["properties"]["action"]
        assert set(action["enum"]) == set(ACTIONS[tool])
    assert "The screen's resolution is 1000x1000" in prompt.system("computer_use")


def test_system_and_image_come_before_the_text():
    system, user = prompt.messages(
        image=0, tool="computer_use", instruction="Save", history=["Opened the editor", "Typed a name"]
    )
    assert system["role"] == "system"
    assert [part["type"] for part in user["content"]] == ["image", "text"]
    assert "The user query: Save" in user["content"][1]["text"]
    assert "Step 2: Typed a name;" in user["content"][1]["text"]


@pytest.mark.parametrize(
    ("text", "thought", "description"),
    [
        (TAGGED, None, None),
        (f"Action: Click Save.\n{TAGGED}", None, "Click Save."),
        (f"Thought: The file is open.\nAction: Click Save.\n{TAGGED}", "The file is open.", "Click Save."),
        (f"**Thought:** Two\nlines.\n**Action:** Click.\n{TAGGED}", "Two\nlines.", "Click."),
        (f"I will click it.\n{TAGGED}", "I will click it.", None),
        (f"<think>\nWhere is it?\n</think>\n\nAction: Click.\n{TAGGED}", "Where is it?", "Click."),
        (f"Where is it?\n</think>\n\n{TAGGED}", "Where is it?", None),
        (CLICK, None, None),
        (f"```json\n{CLICK}\n```", None, None),
        (f"Action: Click.\n```json\n{CLICK}\n```", None, "Click."),
        ('{"action": "left_click", "coordinate": [512, 87]}', None, None),
        ('{"name": "left_click", "arguments": {"coordinate": [512, 87]}}', None, None),
        (f"<tool_call>\n{CLICK}", None, None),
        (f"<tool_call>\n{CLICK[:-1]}\n</tool_call>", None, None),
        (f"<tool_call>\n{CLICK.replace(chr(34), chr(39))}\n</tool_call>", None, None),
        (
            '<tool_call>{"name":"computer_use","arguments":"{\\"action\\":\\"left_click\\",'
            '\\"coordinate\\":[512,87]}"}</tool_call>',
            None,
            None,
        ),
        (TAGGED.replace("[512, 87]", '["512", "87"]'), None, None),
        (TAGGED.replace("[512, 87]", '"(512, 87)"'), None, None),
        (TAGGED.replace("[512, 87]", "[[512, 87]]"), None, None),
    ],
)
def test_every_shape_of_an_answer_is_the_same_click(text, thought, description):
    answer = parse(text, "computer_use")
    assert answer.arguments == {"action": "left_click", "coordinate": [512, 87]}
    assert (answer.thought, answer.description) == (thought, description)


def test_a_call_that_the_engine_parsed_is_taken():
    call = {
        "id": "c",
        "type": "function",
        "function": json.loads(CLICK) | {"arguments": json.dumps(json.loads(CLICK)["arguments"])},
    }
    assert parse("", "computer_use", [call]).arguments["action"] == "left_click"


def test_of_several_calls_the_first_valid_one_counts_and_a_warning_says_so():
    bad = '<tool_call>\n{"name": "computer_use", "arguments": {"action": "left_click"}}\n</tool_call>\n'
    answer = parse(bad + TAGGED, "computer_use")
    assert answer.arguments["coordinate"] == [512, 87]
    assert answer.warnings


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("computer_use", {"action": "left_click"}),
        ("computer_use", {"action": "left_click", "coordinate": [1]}),
        ("computer_use", {"action": "left_click", "coordinate": [True, 2]}),
        ("computer_use", {"action": "left_click", "coordinate": None}),
        ("computer_use", {"action": "type"}),
        ("computer_use", {"action": "type", "text": ""}),
        ("computer_use", {"action": "key", "keys": []}),
        ("computer_use", {"action": "scroll", "pixels": "far"}),
        ("computer_use", {"action": "wait", "time": -1}),
        ("computer_use", {"action": "terminate", "status": "done"}),
        ("computer_use", {"action": "click", "coordinate": [1, 2]}),
        ("computer_use", {"action": ["left_click"]}),
        ("computer_use", {}),
        ("mobile_use", {"action": "swipe", "coordinate": [1, 2]}),
        ("mobile_use", {"action": "long_press", "coordinate": [1, 2]}),
        ("mobile_use", {"action": "system_button", "button": "Power"}),
    ],
)
def test_an_action_without_what_it_needs_is_refused(tool, arguments):
    with pytest.raises(InvalidAction):
        checked(tool, arguments)


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("computer_use", {"action": "key", "keys": ["ctrl", "s"]}),
        ("computer_use", {"action": "type", "text": "hé\nllo"}),
        ("computer_use", {"action": "scroll", "pixels": -300}),
        ("computer_use", {"action": "scroll", "pixels": -300, "coordinate": [5, 6]}),
        ("computer_use", {"action": "hscroll", "pixels": 20}),
        ("computer_use", {"action": "wait", "time": 1.5}),
        ("computer_use", {"action": "answer", "text": "42"}),
        ("computer_use", {"action": "left_click_drag", "coordinate": [1, 2]}),
        ("mobile_use", {"action": "swipe", "coordinate": [1, 2], "coordinate2": [3, 4]}),
        ("mobile_use", {"action": "long_press", "coordinate": [1, 2], "time": 2}),
        ("mobile_use", {"action": "system_button", "button": "Back"}),
        ("mobile_use", {"action": "open", "text": "Maps"}),
        ("mobile_use", {"action": "key", "text": "volume_up"}),
        ("mobile_use", {"action": "terminate", "status": "failure"}),
    ],
)
def test_a_whole_action_passes_as_it_is_and_loses_what_it_does_not_use(tool, arguments):
    assert checked(tool, arguments) == arguments
    assert checked(tool, {**arguments, "confidence": 1}) == arguments


def test_keys_and_names_are_taken_in_the_forms_models_write():
    assert checked("computer_use", {"action": "key", "keys": "ctrl+s"})["keys"] == ["ctrl", "s"]
    assert checked("computer_use", {"action": "key", "keys": "+"})["keys"] == ["+"]
    assert checked("mobile_use", {"action": "system_button", "button": "home"})["button"] == "Home"


def test_a_click_is_answered_with_raw_normalised_and_pixel_values():
    outcome, calls = run(said(f"Thought: It is open.\nAction: Click Save\n{TAGGED}"))
    assert len(calls) == 1
    assert calls[0].sampling == {"max_tokens": 512, "temperature": 0.0}
    (item,) = outcome.items
    assert (item.type, item.index, item.data) == ("action", 0, outcome.output)
    assert replace(outcome, items=()) == Outcome(
        complete=True,
        finish_reason="stop",
        output={
            "schema": "gui_action/1",
            "tool": "computer_use",
            "thought": "It is open.",
            "description": "Click Save",
            "arguments": {"action": "left_click", "coordinate": [512, 87]},
            "resolved": {
                "image": {"width": 1920, "height": 1080},
                "divisor": 1000,
                "point_px": [983, 94],
                "point_norm": [0.512, 0.087],
                "clamped": False,
            },
            "done": None,
            "repaired": False,
            "warnings": [],
            "raw": f"Thought: It is open.\nAction: Click Save\n{TAGGED}",
        },
    )


def test_mobile_use_divides_by_999_and_resolves_both_ends_of_a_swipe():
    text = prompt.answer(
        tool="mobile_use",
        action="Swipe up.",
        arguments={"action": "swipe", "coordinate": [999, 1200], "coordinate2": [0, 333]},
    )
    outcome, _ = run(
        said(text), input={**INPUT, "tool": "mobile_use"}, image=Image(index=0, width=1080, height=2400)
    )
    resolved = outcome.output["resolved"]
    assert resolved["divisor"] == 999
    assert resolved["point_px"] == [1079, 2399]
    assert resolved["point2_px"] == [0, 800]
    assert resolved["point2_norm"] == [0.0, 0.333333]
    assert resolved["clamped"] is True


def test_terminate_says_how_it_ended():
    text = prompt.answer(
        tool="computer_use", action="Done.", arguments={"action": "terminate", "status": "success"}
    )
    outcome, _ = run(said(text))
    assert outcome.output["done"] == "success"
    assert outcome.output["resolved"]["point_px"] is None


def test_an_answer_without_an_action_is_repaired_once_under_the_schema_of_the_tool():
    outcome, calls = run(said("I would click Save."), said(CLICK))
    assert calls[1].label == "repair"
    assert calls[1].structured_outputs == {"json": call_schema("computer_use")}
    assert calls[1].messages[:2] == calls[0].messages  # the prefix stays cached
    assert [message["role"] for message in calls[1].messages[2:]] == ["assistant", "user"]
    assert outcome.complete
    assert outcome.output["repaired"] is True
    assert outcome.output["arguments"]["coordinate"] == [512, 87]


def test_a_failed_repair_makes_the_output_unusable():
    with pytest.raises(UnusableOutput) as failure:
        run(said("no"), said("still no"))
    assert failure.value.code == "output_unparseable"


def test_an_answer_cut_off_twice_is_incomplete_and_not_failed():
    outcome, _ = run(said("Thought: The", "length"), said('{"name": "comp', "length"))
    assert (outcome.complete, outcome.finish_reason) == (False, "length")
    assert outcome.output["arguments"] is None


def test_a_whole_action_before_the_limit_is_kept_and_incomplete():
    outcome, _ = run(said(TAGGED + "\nThen I", "length"))
    assert (outcome.complete, outcome.finish_reason) == (False, "length")
    assert outcome.output["arguments"]["action"] == "left_click"


def test_a_number_that_was_cut_off_is_never_taken_for_a_coordinate():
    with pytest.raises(UnusableOutput):
        parse(
            '<tool_call>\n{"name": "computer_use", "arguments": {"action": "left_click", "coordinate": [512, 8',
            "computer_use",
        )


def test_the_schema_of_the_repair_has_one_alternative_for_each_action():
    for tool, actions in ACTIONS.items():
        alternatives = call_schema(tool)["properties"]["arguments"]["anyOf"]
        assert [item["properties"]["action"]["enum"][0] for item in alternatives] == list(actions)


# --- input ---------------------------------------------------------------------------------------------------------

VALID = {"instruction": "Save", "images": [{"upload_id": "up_1"}]}


def errors(value, model=GuiInput):
    with pytest.raises(ValidationError) as refused:
        model.model_validate(value)
    return [(error["type"], error["loc"]) for error in refused.value.errors()]


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"prompt": "x"}, ("extra_forbidden", ("prompt",))),
        ({"images": [{"upload_id": "a"}] * 2}, ("too_many_images", ("images",))),
        ({"images": []}, ("image_required", ("images",))),
        ({"images": [{}]}, ("image_source", ("images", 0))),
        ({"images": [{"url": "file:///etc/passwd"}]}, ("image_source", ("images", 0))),
        ({"images": [{"upload_id": "a", "size": 1}]}, ("extra_forbidden", ("images", 0, "size"))),
        ({"instruction": ""}, ("string_too_short", ("instruction",))),
        ({"instruction": "a\x00b"}, ("nul_character", ("instruction",))),
        ({"instruction": "\ud800"}, ("string_unicode", ("instruction",))),
        ({"instruction": 5}, ("string_type", ("instruction",))),
        ({"instruction": "x" * 16_001}, ("string_too_long", ("instruction",))),
        ({"history": ["x"] * 201}, ("too_long", ("history",))),
        ({"history": ["a\x00"]}, ("nul_character", ("history", 0))),
        ({"tool": "browser"}, ("literal_error", ("tool",))),
    ],
)
def test_an_input_outside_the_schema_is_refused_by_name(change, error):
    assert errors({**VALID, **change}) == [error]


@pytest.mark.parametrize(
    ("params", "error"),
    [
        ({"temprature": 1}, ("extra_forbidden", ("temprature",))),
        ({"temperature": "0"}, ("float_type", ("temperature",))),
        ({"temperature": float("nan")}, ("finite_number", ("temperature",))),
        ({"max_tokens": 0}, ("greater_than_equal", ("max_tokens",))),
        ({"max_tokens": True}, ("int_type", ("max_tokens",))),
        ({"tools": []}, ("extra_forbidden", ("tools",))),
        ({"pixels": {"min": 5000, "max": 2000}}, ("pixel_budget", ("pixels",))),
    ],
)
def test_params_outside_the_schema_are_refused_by_name(params, error):
    assert errors(params, GuiParams) == [error]


def test_a_parameter_replaces_the_default_and_null_leaves_it():
    _, calls = run(said(TAGGED), params={"max_tokens": 64, "temperature": None, "pixels": {"max": 100_000}})
    assert calls[0].sampling == {"max_tokens": 64, "temperature": 0.0}


def test_the_stored_input_names_the_media_and_runs():
    given_input = GuiInput.model_validate({**VALID, "history": ["Opened"]})
    stored = Gui().bind(given_input, [StoredImage(sha256="ab", width=3, height=4, mime="image/png")])
    assert stored["images"] == [{"media": {"sha256": "ab", "width": 3, "height": 4, "mime": "image/png"}}]
    assert json.loads(json.dumps(stored)) == stored
    assert len(Gui().image_refs(given_input)) == 1
    outcome, _ = run(said(TAGGED), input=stored)
    assert outcome.complete


# --- properties ----------------------------------------------------------------------------------------------------

FRAGMENTS = st.lists(
    st.sampled_from(
        [
            "<tool_call>",
            "</tool_call>",
            "{",
            "}",
            "[",
            "]",
            '"',
            "'",
            ":",
            ",",
            "\\",
            "\\u",
            "```",
            "\n",
            "<think>",
            "</think>",
            "Thought:",
            "Action:",
            '"action"',
            '"arguments"',
            '"coordinate"',
            "left_click",
            "512",
            "-",
            ".",
            '"left_click"',
            "1e999",
            "NaN",
            "true",
            "\x00",
            "�",
            '{"action":"left_click","coordinate":[1,2]}',
            "9" * 5000,
            "[" * 3000,
            '{"a":' * 3000,
        ]
    ),
    max_size=30,
).map("".join)


@given(st.one_of(st.text(), FRAGMENTS))
def test_no_text_raises_anything_but_unusable_output(text):
    for tool in ACTIONS:
        try:
            answer = parse(text, tool)
        except UnusableOutput:
            continue
        assert checked(tool, answer.arguments) == answer.arguments


@given(FRAGMENTS, st.sampled_from(["stop", "length", "repetition"]))
def test_every_output_is_json_that_a_database_stores(text, finish):
    try:
        outcome, _ = run(said(text + TAGGED, finish))
    except (UnusableOutput, AssertionError):
        return
    assert storable(outcome.output) == outcome.output
    assert json.dumps(outcome.output, allow_nan=False, ensure_ascii=False).encode()

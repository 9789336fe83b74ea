"""Two answers side by side."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline.comparison.actions import TARGET_PX, compare_actions
from sightline.comparison.boxes import compare_boxes, iou
from sightline.comparison.jobs import Side, compare
from sightline.comparison.text import MOST_CHARACTERS, compare_texts

numbers = st.integers(min_value=0, max_value=60)
rectangles = st.tuples(numbers, numbers, numbers, numbers)


def gui(
    action: str = "left_click", point: Any = (100, 100), size: Any = (1280, 800), **more: Any
) -> dict[str, Any]:
    return {
        "arguments": {"action": action, **({"coordinate": [1, 1]} if point else {}), **more},
        "resolved": {
            "image": {"width": size[0], "height": size[1]},
            "point_px": list(point) if point else None,
        },
        "raw": f"Action: {action}",
    }


def side(kind: str = "ocr", **more: Any) -> Side:
    values: dict[str, Any] = {
        "kind": kind,
        "model": "default",
        "input": {},
        "params": {},
        "output": None,
        "usage": None,
        "timings": None,
    }
    return Side(**{**values, **more})


def page(number: int, text: str, **boxes: Any) -> dict[str, Any]:
    blocks = [{"id": name, "bbox_px": box, "text_content": name} for name, box in boxes.items()]
    return {"page": number, "text": text, "blocks": blocks, "fields": None}


# --- texts ------------------------------------------------------------------------------------------------------


def test_the_error_rate_is_the_edit_distance_over_the_length_of_the_first_text() -> None:
    found = compare_texts("kitten", "sitting")
    assert (found.distance, found.error_rate) == (3, 0.5)
    assert compare_texts("Total 12.00", "Total 17.00").error_rate == pytest.approx(1 / 11)
    assert compare_texts("ab", "abababab").error_rate == 3.0


def test_nothing_has_no_error_rate_unless_both_are_nothing() -> None:
    assert compare_texts("", "").error_rate == 0.0
    assert compare_texts("", "new").error_rate is None


def test_a_difference_is_told_by_whole_words() -> None:
    runs = compare_texts("Total EUR 1065.90 net", "Total USD 1085.90 net").runs
    assert [(run.change, run.text) for run in runs] == [
        ("same", "Total "),
        ("less", "EUR 1065"),
        ("more", "USD 1085"),
        ("same", ".90 net"),
    ]


@given(st.text(alphabet="ab. \n", max_size=40), st.text(alphabet="ab. \n", max_size=40))
def test_the_runs_are_both_texts(first: str, second: str) -> None:
    found = compare_texts(first, second)
    assert "".join(run.text for run in found.runs if run.change != "more") == first
    assert "".join(run.text for run in found.runs if run.change != "less") == second
    assert (found.distance == 0) == (first == second)
    assert found.distance == compare_texts(second, first).distance
    neighbours = zip(found.runs, found.runs[1:], strict=False)
    assert all(before.change != after.change for before, after in neighbours)


def test_of_very_long_texts_the_beginnings_are_compared() -> None:
    found = compare_texts("a" * (MOST_CHARACTERS + 5), "a" * MOST_CHARACTERS + "b")
    assert (found.cut, found.distance, found.error_rate) == (True, 0, 0.0)
    assert not compare_texts("a", "b").cut


# --- boxes ------------------------------------------------------------------------------------------------------


def test_iou_is_the_shared_area_over_the_covered_one() -> None:
    assert iou((0, 0, 10, 10), (0, 0, 10, 10)) == 1.0
    assert iou((0, 0, 10, 10), (5, 0, 15, 10)) == pytest.approx(50 / 150)
    assert iou((0, 0, 10, 10), (10, 0, 20, 10)) == 0.0
    assert iou((10, 10, 0, 0), (0, 0, 10, 10)) == 1.0, "models do write a box from its far corner"
    assert iou((3, 3, 3, 3), (3, 3, 3, 3)) == 1.0


@given(rectangles, rectangles)
def test_iou_is_symmetric_and_a_share(first: Any, second: Any) -> None:
    assert iou(first, second) == iou(second, first)
    assert 0.0 <= iou(first, second) <= 1.0


def test_boxes_are_matched_best_pair_first_and_each_once() -> None:
    found = compare_boxes(
        {"a": (0, 0, 100, 10), "b": (0, 2, 100, 12), "c": (0, 50, 100, 60)},
        {"x": (0, 2, 100, 12), "y": (0, 80, 100, 90), "z": (0, 0, 100, 11)},
    )
    assert [(match.first, match.second) for match in found.matches] == [("a", "z"), ("b", "x")]
    assert found.matches[1].iou == 1.0
    assert (found.only_first, found.only_second) == (("c",), ("y",))
    assert found.f1 == pytest.approx(2 / 3)
    assert found.mean_iou == pytest.approx((1 + 100 * 10 / (100 * 11)) / 2, abs=1e-5)


@given(st.lists(rectangles, max_size=8), st.lists(rectangles, max_size=8))
def test_every_box_is_matched_once_or_alone(first: list[Any], second: list[Any]) -> None:
    ours = {f"a{index}": box for index, box in enumerate(first)}
    theirs = {f"b{index}": box for index, box in enumerate(second)}
    found = compare_boxes(ours, theirs)
    assert sorted([*(match.first for match in found.matches), *found.only_first]) == sorted(ours)
    assert sorted([*(match.second for match in found.matches), *found.only_second]) == sorted(theirs)
    assert all(match.iou == round(iou(ours[match.first], theirs[match.second]), 6) for match in found.matches)
    left = [(ours[one], theirs[other]) for one in found.only_first for other in found.only_second]
    assert all(iou(*pair) < 0.5 for pair in left)


# --- actions ----------------------------------------------------------------------------------------------------


def test_the_distance_of_two_clicks_is_measured_in_pixels_and_against_the_diagonal() -> None:
    found = compare_actions(gui(point=(100, 100)), gui(point=(103, 104)))
    assert (found.distance_px, found.same_place, found.same) == (5.0, True, True)
    assert found.distance_share == pytest.approx(5 / math.hypot(1280, 800))


def test_clicks_further_apart_than_the_smallest_target_are_two_places() -> None:
    assert compare_actions(gui(point=(0, 0)), gui(point=(TARGET_PX, 0))).same_place
    found = compare_actions(gui(point=(0, 0)), gui(point=(TARGET_PX + 1, 0)))
    assert (found.same_place, found.same) == (False, False)
    large = (3840, 2160)
    assert compare_actions(gui(point=(0, 0), size=large), gui(point=(48, 0), size=large)).same_place


def test_of_a_drag_the_end_that_moved_more_counts() -> None:
    first, second = gui("swipe"), gui("swipe", point=(101, 100))
    first["resolved"]["point2_px"], second["resolved"]["point2_px"] = [200, 200], [200, 260]
    assert compare_actions(first, second).distance_px == 60.0


def test_a_click_has_no_distance_to_what_is_none() -> None:
    found = compare_actions(gui(), gui("type", point=None, text="12"))
    assert (found.distance_px, found.same_place, found.same) == (None, None, False)
    assert found.arguments == (("text", None, "12"),)
    drag = gui("swipe")
    drag["resolved"]["point2_px"] = [5, 5]
    assert compare_actions(gui("swipe"), drag).distance_px is None


# --- jobs -------------------------------------------------------------------------------------------------------


def test_what_was_asked_otherwise_is_named() -> None:
    found = compare(
        side(params={"temperature": 0, "seed": 1}, input={"mode": "text"}),
        side(model="large", params={"seed": 1, "pixels": {"max": 2048}}, input={"mode": "text"}),
    )
    assert [(row.name, row.first, row.second) for row in found.asked] == [
        ("model", "default", "large"),
        ("params.temperature", 0, None),
        ("params.pixels", None, {"max": 2048}),
    ]


def test_pages_are_compared_by_their_numbers_and_their_errors_summed() -> None:
    first = {"pages": [page(1, "abcd", p1b0=(0, 0, 10, 10)), page(2, "xy")]}
    second = {"pages": [page(1, "abcf", q=(0, 0, 10, 10))]}
    found = compare(side(output=first), side(output=second))
    assert [entry.number for entry in found.pages] == [1, 2]
    assert [entry.text.error_rate for entry in found.pages] == [0.25, 1.0]
    assert found.error_rate == pytest.approx(3 / 6)
    assert found.mean_iou == 1.0
    assert found.pages[1].boxes is None


def test_values_are_compared_by_their_names() -> None:
    first = {"pages": [{"page": 1, "fields": {"total": "12", "date": "x"}}]}
    second = {"pages": [{"page": 1, "fields": {"total": "17", "number": "4"}}]}
    (entry,) = compare(side(output=first), side(output=second)).pages
    assert entry.fields == (("total", "12", "17"), ("date", "x", None), ("number", None, "4"))
    assert entry.text.distance > 0


def test_answers_of_a_chat_are_compared_with_their_calls() -> None:
    call = {"function": {"name": "look", "arguments": "{}"}}
    first = {"choices": [{"message": {"content": "Wednesday"}}]}
    second = {"choices": [{"message": {"content": "Wednesday", "tool_calls": [call]}}]}
    found = compare(side("chat", output=first), side("chat", output=second))
    assert found.text is not None
    assert found.text.distance == len("\nlook({})")
    assert (found.pages, found.action) == ((), None)


def test_tokens_and_times_are_told_with_their_change() -> None:
    found = compare(
        side(usage={"input_tokens": 100, "output_tokens": 10}, timings={"queue": 0.0, "ttft": 50.0}),
        side(
            usage={"input_tokens": 50, "output_tokens": 15},
            timings={"queue": 3.0, "ttft": 40.0, "decode": 1.0},
        ),
    )
    assert [(row.name, row.change) for row in found.tokens] == [
        ("input_tokens", -0.5),
        ("output_tokens", 0.5),
    ]
    assert {row.name: row.change for row in found.phases} == {
        "queue": None,
        "ttft": pytest.approx(-0.2),
        "decode": None,
    }


def test_an_answer_in_one_piece_is_compared_in_prefill_and_decoding_together() -> None:
    found = compare(
        side(timings={"queue": 1.0, "ttft": 50.0, "decode": 0.0, "total": 52.0}),
        side(timings={"queue": 1.0, "ttft": 10.0, "decode": 15.0, "total": 26.0}),
    )
    assert {row.name: row.change for row in found.phases} == {"queue": 0.0, "generate": -0.5, "total": -0.5}
    alone = compare(side(timings={"ttft": 50.0, "decode": 0.0}), side())
    assert [(row.name, row.first, row.second) for row in alone.phases] == [("generate", 50.0, None)]


def test_a_job_without_an_output_is_compared_in_what_there_is() -> None:
    found = compare(side("gui", output=gui()), side("gui"))
    assert (found.action, found.text, found.error_rate, found.mean_iou) == (None, None, None, None)
    both = compare(side("gui", output=gui()), side("gui", output=gui()))
    assert both.action is not None
    assert both.action.same
    assert both.error_rate == 0.0


def test_jobs_of_two_kinds_have_nothing_in_common() -> None:
    with pytest.raises(ValueError, match="gui and ocr"):
        compare(side("gui"), side("ocr"))

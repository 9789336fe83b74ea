"""Results as the command line shows them."""

from typing import Any

import pytest

from sightline.cli.jobs import _print
from sightline.cli.result_text import result_text
from sightline.client import Job


def shown(kind: str, output: dict[str, Any] | None, status: str = "succeeded", error: Any = None) -> str:
    return result_text(Job(id="job_1", kind=kind, status=status, output=output, error=error, document={}))


def test_an_ocr_result_is_its_text_with_a_form_feed_between_pages() -> None:
    assert shown("ocr", {"pages": [{"text": "one"}, {"markdown": "# two", "text": None}]}) == "one\n\f# two"


def test_boxes_are_shown_in_pixels() -> None:
    page = {"text": None, "blocks": [{"bbox_px": [1, 2, 3, 4], "text_content": "Total"}]}
    assert shown("ocr", {"pages": [page]}) == "[1, 2, 3, 4] Total"


def test_a_gui_result_is_its_action_in_pixels() -> None:
    output = {
        "arguments": {"action": "left_click", "coordinate": [512, 87]},
        "resolved": {"point_px": [983, 94]},
        "description": "Click Save",
    }
    assert shown("gui", output) == "left_click at [983, 94] px\nClick Save"


def test_a_gui_result_without_an_action_shows_what_the_model_wrote() -> None:
    output = {"arguments": {}, "resolved": {"point_px": None}, "raw": "}}{"}
    assert shown("gui", output, "incomplete") == "no action; the model wrote: }}{"


def test_a_chat_result_is_its_answer() -> None:
    assert shown("chat", {"choices": [{"message": {"content": "Gate B12"}}]}) == "Gate B12"


def test_a_job_without_output_says_why() -> None:
    assert (
        shown("ocr", None, "failed", {"code": "x", "message": "The image is gone."})
        == "failed: The image is gone."
    )


def test_a_list_of_jobs_says_who_answered_and_which_error_ended_it_where_there_is_any(
    capsys: pytest.CaptureFixture[str],
) -> None:
    waits = Job(id="job_1", kind="ocr", status="queued", output=None, error=None, document={"attempt": 0})
    _print([waits])
    assert capsys.readouterr().out.splitlines()[0].split()[-1] == "created"
    answered = Job(
        id="job_2", kind="ocr", status="succeeded", output={}, error=None, document={"served_from": "cache"}
    )
    failed = Job(id="job_3", kind="ocr", status="failed", output=None, error={"code": "timeout"}, document={})
    _print([answered, failed])
    head, first, second = capsys.readouterr().out.splitlines()
    assert head.split()[-2:] == ["served_from", "error"]
    assert (first.split()[-1], second.split()[-1]) == ("cache", "timeout")

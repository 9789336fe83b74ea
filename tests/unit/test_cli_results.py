"""Results as the command line shows them."""

from typing import Any

import pytest

from sightline.cli.exit_codes import Failed
from sightline.cli.job_result import judge, show
from sightline.cli.jobs import _print
from sightline.cli.result_text import result_text
from sightline.cli.tail import Terminal
from sightline.client import Event, Job


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


@pytest.mark.parametrize(("finish", "words"), [("length", "token limit"), ("repetition", "loop")])
def test_an_incomplete_job_says_what_ended_it(
    finish: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    output = {"choices": [{"message": {"content": "Gate"}}]}
    job = Job(
        id="job_1",
        kind="chat",
        status="incomplete",
        output=output,
        error=None,
        document={"finish_reason": finish},
    )
    with pytest.raises(Failed, match=rf"job_1 is incomplete, .*{words}"):
        judge([job])
    show(job, as_json=False, name="a.png")
    assert words in capsys.readouterr().out


def test_a_failed_attempt_makes_void_only_what_was_shown(capsys: pytest.CaptureFixture[str]) -> None:
    reset = Event(number=2, type="output.reset", data={"reason": "attempt_failed"})
    terminal = Terminal()
    terminal.show(reset)
    assert "void" not in capsys.readouterr().err
    terminal.show(Event(number=3, type="output.delta", data={"index": 0, "text": "Gate"}))
    terminal.show(reset)
    assert "void" in capsys.readouterr().err


def test_what_was_followed_ends_with_its_error_once(capsys: pytest.CaptureFixture[str]) -> None:
    error = {"code": "x", "message": "The image is gone."}
    Terminal().show(Event(number=4, type="job.failed", data={"status": "failed", "error": error}))
    assert "gone" not in capsys.readouterr().err
    failed = Job(id="job_1", kind="ocr", status="failed", output=None, error=error, document={})
    with pytest.raises(Failed, match="job_1 is failed: The image is gone"):
        judge([failed], untold=True)


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

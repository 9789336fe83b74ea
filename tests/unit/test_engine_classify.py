"""What each failure of an engine means."""

import json
from email.utils import formatdate

import pytest

from sightline_workers.engines import classify
from sightline_workers.engines.contract import Failure


def body(message: str, *, code: int, param: str | None = None) -> bytes:
    return json.dumps({"error": {"message": message, "type": "X", "param": param, "code": code}}).encode()


@pytest.mark.parametrize(
    ("status", "message", "param", "code", "failure"),
    [
        (503, "The engine is currently busy", None, "engine_busy", Failure.TRANSIENT),
        (429, "Slow down", None, "engine_busy", Failure.TRANSIENT),
        (500, "EngineCore encountered an issue.", None, "engine_crashed", Failure.CRASH),
        (500, "Internal server error", None, "engine_error", Failure.TRANSIENT),
        (502, "Bad gateway", None, "engine_error", Failure.TRANSIENT),
        (504, "Gateway time-out", None, "engine_timeout", Failure.TRANSIENT),
        (401, "Unauthorized", None, "engine_unavailable", Failure.TRANSIENT),
        (404, "The model `x` does not exist.", "model", "model_unknown", Failure.PERMANENT),
        (400, "anything", "input_tokens", "context_too_long", Failure.PERMANENT),
        (
            400,
            "This model's maximum context length is 8 tokens. However, your prompt contains 99 characters",
            "input_text",
            "context_too_long",
            Failure.PERMANENT,
        ),
        (
            400,
            "At most 16 image(s) may be provided in one prompt.",
            None,
            "too_many_images",
            Failure.PERMANENT,
        ),
        (400, "cannot identify image file", None, "engine_rejected", Failure.PERMANENT),
        (422, "Unprocessable", None, "engine_rejected", Failure.PERMANENT),
    ],
)
def test_a_status_and_its_text_are_classified(
    status: int, message: str, param: str | None, code: str, failure: Failure
) -> None:
    error = classify.from_response(status, body(message, code=status, param=param), None)
    assert (error.code, error.failure, error.status) == (code, failure, status)
    assert error.message == message


def test_the_seconds_of_retry_after_are_kept() -> None:
    assert classify.from_response(503, b"{}", "7").retry_after_s == 7.0


def test_a_date_in_retry_after_becomes_seconds() -> None:
    seconds = classify.parse_retry_after(formatdate(usegmt=True))
    assert seconds is not None
    assert seconds < 2


@pytest.mark.parametrize("value", [None, "soon"])
def test_a_retry_after_that_says_nothing_is_none(value: str | None) -> None:
    assert classify.parse_retry_after(value) is None


@pytest.mark.parametrize("page", [b"<html>Bad gateway</html>", b"[]", b'{"error": "text"}', b""])
def test_an_answer_in_no_known_shape_is_still_classified(page: bytes) -> None:
    error = classify.from_response(502, page, None)
    assert (error.code, error.failure) == ("engine_error", Failure.TRANSIENT)
    assert error.message


def test_a_connection_lost_before_the_answer_is_transient_and_within_it_a_crash() -> None:
    before = classify.broken_off(ConnectionResetError("reset"), answered=False)
    within = classify.broken_off(ConnectionResetError("reset"), answered=True)
    assert (before.code, before.failure) == ("engine_reset", Failure.TRANSIENT)
    assert (within.code, within.failure) == ("engine_crashed", Failure.CRASH)

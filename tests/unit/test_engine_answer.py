"""A streamed answer, put together event by event."""

import json
import time
from typing import Any

import pytest

from sightline.events.tool_calls import CallPiece
from sightline_workers.engines.answer import Answer
from sightline_workers.engines.contract import STOP_CHECK_TOKENS, EngineError, Failure

USAGE = {
    "choices": [],
    "usage": {
        "prompt_tokens": 9,
        "completion_tokens": 2,
        "prompt_tokens_details": {"multimodal_tokens": {"image": 4}},
    },
}


def event(value: object) -> bytes:
    return b"data: " + json.dumps(value).encode() + b"\n\n"


def delta(finish: str | None = None, **content: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": content, "finish_reason": finish}]}


def answer(heard: list[str] | None = None, **options: Any) -> Answer:
    sink = [] if heard is None else heard
    return Answer(started=time.monotonic(), on_delta=sink.append, **{"should_stop": None, **options})


WHOLE = (
    event(delta(role="assistant", content=""))
    + event(delta(content="Hä"))
    + event(delta("stop", content="llo"))
    + event(USAGE)
    + b"data: [DONE]\n\n"
)


def test_a_whole_stream_becomes_a_completion() -> None:
    heard: list[str] = []
    whole = answer(heard)
    whole.feed(WHOLE)
    completion = whole.completion()
    assert whole.done
    assert heard == ["Hä", "llo"]
    assert (completion.text, completion.finish_reason) == ("Hällo", "stop")
    assert (completion.usage.input_tokens, completion.usage.image_tokens, completion.usage.output_tokens) == (
        9,
        4,
        2,
    )


@pytest.mark.parametrize("size", [1, 2, 7, 50])
def test_a_stream_may_come_in_pieces_of_any_size(size: int) -> None:
    whole = answer()
    for start in range(0, len(WHOLE), size):
        whole.feed(WHOLE[start : start + size])
    assert whole.completion().text == "Hällo"


def test_lines_may_end_with_carriage_returns_and_comments_are_skipped() -> None:
    whole = answer()
    whole.feed(b": keep-alive\r\n\r\n" + WHOLE.replace(b"\n", b"\r\n"))
    assert whole.completion().text == "Hällo"


def test_a_tool_call_in_pieces_is_merged() -> None:
    whole = answer()
    first = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "look", "arguments": ""}}
    whole.feed(event(delta(tool_calls=[first])))
    whole.feed(event(delta(tool_calls=[{"index": 0, "function": {"arguments": '{"a":'}}])))
    whole.feed(event(delta("tool_calls", tool_calls=[{"index": 0, "function": {"arguments": "1}"}}])))
    whole.feed(event(USAGE) + b"data: [DONE]\n\n")
    completion = whole.completion()
    assert completion.finish_reason == "tool_calls"
    assert completion.tool_calls[0]["function"] == {"name": "look", "arguments": '{"a":1}'}


def test_pieces_of_several_tool_calls_are_heard_as_they_come() -> None:
    heard: list[CallPiece] = []
    whole = answer(on_tool_call=heard.append)
    for index, name in enumerate(("look", "listen")):
        head = {"index": index, "id": f"call_{index}", "type": "function", "function": {"name": name}}
        whole.feed(event(delta(tool_calls=[head])))
        for arguments in ('{"a":', "1}"):
            whole.feed(event(delta(tool_calls=[{"index": index, "function": {"arguments": arguments}}])))
    whole.feed(event(delta("tool_calls")) + event(USAGE) + b"data: [DONE]\n\n")
    assert [(piece.index, piece.id, piece.name, piece.arguments) for piece in heard] == [
        (0, "call_0", "look", ""), (0, "", "", '{"a":'), (0, "", "", "1}"),
        (1, "call_1", "listen", ""), (1, "", "", '{"a":'), (1, "", "", "1}"),
    ]  # fmt: skip
    assert [call["function"]["arguments"] for call in whole.completion().tool_calls] == ['{"a":1}'] * 2


def test_reasoning_is_kept_apart_from_the_text() -> None:
    whole = answer()
    whole.feed(event(delta(reasoning="Hm. ")) + event(delta("stop", content="Yes")))
    whole.feed(event(USAGE) + b"data: [DONE]\n\n")
    assert (whole.completion().reasoning, whole.completion().text) == ("Hm. ", "Yes")


def test_an_error_within_a_stream_is_classified_by_its_code() -> None:
    error = {"error": {"message": "The engine is currently busy", "type": "Service Unavailable", "code": 503}}
    with pytest.raises(EngineError) as caught:
        answer().feed(event(error))
    assert (caught.value.code, caught.value.failure) == ("engine_busy", Failure.TRANSIENT)


def test_a_stream_without_an_end_is_no_answer() -> None:
    whole = answer()
    whole.feed(event(delta(content="Hello")))
    with pytest.raises(EngineError) as caught:
        whole.completion()
    assert caught.value.code == "engine_protocol"


@pytest.mark.parametrize("finish", ["abort", "error"])
def test_a_request_that_the_engine_gave_up_is_tried_again(finish: str) -> None:
    whole = answer()
    whole.feed(event(delta(finish, content="Hel")) + event(USAGE) + b"data: [DONE]\n\n")
    with pytest.raises(EngineError) as caught:
        whole.completion()
    assert (caught.value.code, caught.value.failure) == ("engine_reset", Failure.TRANSIENT)


@pytest.mark.parametrize("payload", [b"data: {broken\n\n", b"data: 7\n\n"])
def test_an_event_that_is_no_object_is_a_protocol_error(payload: bytes) -> None:
    with pytest.raises(EngineError) as caught:
        answer().feed(payload)
    assert caught.value.code == "engine_protocol"


def test_a_repetition_ends_the_answer_early() -> None:
    seen: list[str] = []

    def should_stop(text: str) -> bool:
        seen.append(text)
        return len(seen) == 2

    whole = answer(should_stop=should_stop)
    for _ in range(3 * STOP_CHECK_TOKENS):
        if not whole.done:
            whole.feed(event(delta(content="ab")))
    completion = whole.completion()
    assert whole.stopped_early
    assert completion.finish_reason == "repetition"
    assert completion.usage.output_tokens == 2 * STOP_CHECK_TOKENS
    assert [len(text) for text in seen] == [2 * STOP_CHECK_TOKENS, 4 * STOP_CHECK_TOKENS]


def test_deltas_of_many_tokens_are_looked_at_as_often_as_their_tokens() -> None:
    lengths: list[int] = []

    def should_stop(text: str) -> bool:
        lengths.append(len(text))
        return len(lengths) == 2

    whole = answer(should_stop=should_stop, tokens_a_delta=16)
    for _ in range(9):
        if not whole.done:
            whole.feed(event(delta(content="x")))
    assert lengths == [2, 4]
    # The first delta is one token, the other three are sixteen each.
    assert whole.completion().usage.output_tokens == 49

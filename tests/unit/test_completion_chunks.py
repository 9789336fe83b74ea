"""A job's events as OpenAI's chunks: what OpenAI's form has no word for."""

import asyncio
import json
from typing import Any

import pytest

from sightline.events.stream import SPAN, Event
from sightline.web.completions import CompletionChunks

HEAD = {"id": "chatcmpl-1", "created": 1, "model": "default", "service_tier": "default"}


class Stream:
    """Feeds events to the form and keeps what a client would see."""

    def __init__(self, *, include_usage: bool = False) -> None:
        self.form = CompletionChunks(head=HEAD, include_usage=include_usage)
        self.sent: list[dict[str, Any]] = []
        self.chunks: list[Any] = []
        self._number = SPAN
        self._begun = False

    async def _send(self, message: dict[str, Any]) -> None:
        self.sent.append(message)

    def feed(self, type: str, **data: Any) -> None:
        self._number += 1
        events = [Event(number=self._number, type=type, data=data)]
        found = self.form.show(events) if self._begun else asyncio.run(self.form.begin(self._send, events))
        self._begun = self._begun or found is not None
        for line in (found or b"").decode().split("\n\n"):
            if line:
                text = line.removeprefix("data: ")
                self.chunks.append(text if text == "[DONE]" else json.loads(text))

    def text(self, text: str) -> None:
        self.feed("output.delta", index=0, label="answer", text=text)

    def call(self, piece: dict[str, Any]) -> None:
        self.feed("output.delta", index=0, label="answer", text="", tool_calls=[piece])

    def calls(self) -> list[dict[str, Any]]:
        """The pieces of tool calls that the client got."""
        deltas = [chunk["choices"][0]["delta"] for chunk in self.chunks if chunk != "[DONE]"]
        return [piece for delta in deltas for piece in delta.get("tool_calls") or ()]

    def failed(self) -> None:
        self.feed("job.attempt_failed", code="engine_reset")
        self.feed("output.reset", reason="attempt_failed", texts=[], output=None)

    def succeeded(self, content: str | None, **message: Any) -> None:
        choice = {"message": {"content": content, **message}, "finish_reason": "stop"}
        self.feed("job.succeeded", output={"choices": [choice], "usage": {"total_tokens": 3}})

    def said(self, part: str = "content") -> str:
        found = [
            chunk["choices"][0]["delta"]
            for chunk in self.chunks
            if isinstance(chunk, dict)
            if "choices" in chunk
        ]
        return "".join(delta.get(part) or "" for delta in found)


def test_the_same_text_after_a_failed_attempt_is_not_said_twice() -> None:
    stream = Stream()
    stream.text("The answer ")
    stream.failed()
    for piece in ("The ", "answer ", "is 4."):
        stream.text(piece)
    stream.succeeded("The answer is 4.")
    assert stream.said() == "The answer is 4."
    assert stream.chunks[-1] == "[DONE]"


def test_another_text_after_a_failed_attempt_ends_the_stream_with_an_error() -> None:
    stream = Stream()
    stream.text("The answer ")
    stream.failed()
    stream.text("I think ")
    stream.text("it is 4.")
    assert stream.said() == "The answer "
    assert stream.chunks[-2]["error"]["type"] == "server_error"
    assert stream.form.done


def test_thoughts_are_reasoning_and_not_content() -> None:
    stream = Stream()
    for piece in ("<th", "ink>two and", " two</thi", "nk>\n\nFour", "."):
        stream.text(piece)
    stream.succeeded("Four.", reasoning="two and two")
    assert stream.said() == "Four."
    assert stream.said("reasoning").startswith("two and two")
    assert "<think>" not in json.dumps(stream.chunks)


def call(index: int, arguments: str) -> dict[str, Any]:
    function = {"name": f"f{index}", "arguments": arguments}
    return {"id": f"call_{index}", "type": "function", "function": function}


def head(index: int) -> dict[str, Any]:
    return {"index": index, **call(index, "")}


def more(index: int, arguments: str) -> dict[str, Any]:
    return {"index": index, "function": {"arguments": arguments}}


def test_several_tool_calls_come_as_openai_streams_them() -> None:
    stream = Stream()
    told = [head(0), more(0, '{"a":'), more(0, "1}"), head(1), more(1, "{}")]
    for piece in told:
        stream.call(piece)
    stream.succeeded(None, tool_calls=[call(0, '{"a":1}'), call(1, "{}")])
    assert stream.calls() == told
    assert stream.chunks[-1] == "[DONE]"


def test_tool_calls_that_nobody_heard_come_whole_at_the_end() -> None:
    stream = Stream()
    stream.call(head(0))
    stream.succeeded(None, tool_calls=[call(0, "{}"), call(1, "[]")])
    assert stream.calls() == [head(0), more(0, "{}"), {"index": 1, **call(1, "[]")}]


def test_the_same_tool_call_after_a_failed_attempt_goes_on() -> None:
    stream = Stream()
    for piece in (head(0), more(0, '{"a":')):
        stream.call(piece)
    stream.failed()
    for piece in (head(0), more(0, '{"a'), more(0, '":1}')):
        stream.call(piece)
    stream.succeeded(None, tool_calls=[call(0, '{"a":1}')])
    assert stream.calls() == [head(0), more(0, '{"a":'), more(0, "1}")]


@pytest.mark.parametrize("then", [call(1, "{}"), call(0, "[]"), None])
def test_another_tool_call_or_none_after_a_failed_attempt_ends_the_stream_with_an_error(
    then: dict[str, Any] | None,
) -> None:
    stream = Stream()
    for piece in (head(0), more(0, '{"a":')):
        stream.call(piece)
    stream.failed()
    stream.succeeded(None, tool_calls=[then] if then else None)
    assert stream.chunks[-2]["error"]["type"] == "server_error"
    assert stream.form.done


def test_what_redis_lost_comes_from_the_result() -> None:
    stream = Stream()
    stream.text("One ")
    stream.feed("output.reset", reason="gap", texts=["One two "], output=None)
    stream.feed("output.reset", reason="gap", texts=None, output={})
    stream.succeeded("One two three")
    assert stream.said() == "One two three"


def test_a_job_that_fails_before_its_first_word_is_no_stream() -> None:
    stream = Stream()
    stream.feed("job.failed", status="failed", error={"code": "context_too_long", "message": "Too long."})
    assert stream.form.refused
    assert stream.sent == []


def test_a_job_that_fails_within_its_text_ends_with_the_error() -> None:
    stream = Stream()
    stream.text("One ")
    stream.feed("job.expired", status="expired", error={"code": "deadline_exceeded", "message": "Too late."})
    assert stream.chunks[-2]["error"]["code"] == "deadline_exceeded"
    assert not stream.form.refused


def test_the_usage_comes_in_a_chunk_of_its_own() -> None:
    stream = Stream(include_usage=True)
    stream.text("One")
    stream.succeeded("One")
    assert [chunk["usage"] for chunk in stream.chunks[:-1]] == [None, None, {"total_tokens": 3}]
    assert stream.chunks[-2]["choices"] == []

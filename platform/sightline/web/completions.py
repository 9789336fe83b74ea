"""A chat job's events as OpenAI's `chat.completion.chunk` stream.

OpenAI's form cannot take text back. When an attempt fails after text went out, the next one is followed silently for
as long as it says the same, and goes on where that one stopped; when it says something else, the stream ends with an
error, and the client asks again.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sightline.api.openai import error
from sightline.errors import Problem, Unavailable
from sightline.events.stream import Event
from sightline.events.tool_calls import CallPiece, CallSent, add
from sightline.kinds.chat.completion import split_so_far
from sightline.web.sse import Send, compact, start

Json = dict[str, Any]

_DONE = b"data: [DONE]\n\n"


class CompletionChunks:
    """One client's stream; a `Form`."""

    def __init__(self, *, head: Json, include_usage: bool) -> None:
        self.done = False
        self.refused = False
        self._head = {**head, "object": "chat.completion.chunk"}
        self._include_usage = include_usage
        self._begun = False
        self._text = ""  # of the present attempt
        self._calls: list[Json] = []  # likewise
        self._sent = {"reasoning": "", "content": ""}
        self._sent_calls: list[CallSent] = []

    async def begin(self, send: Send, events: Sequence[Event], *, at_once: bool = False) -> bytes | None:
        """The head goes out with the first text, so that a job that fails before it gets its own status."""
        data = self.show(events)
        if self._begun or at_once:
            await start(send)
            return data
        self.refused = self.done
        return None

    def show(self, events: Sequence[Event]) -> bytes:
        """The chunks of these events."""
        return b"".join(self._show(event) for event in events if not self.done)

    def cut(self) -> bytes:
        """The server stops: the last words."""
        return self._fail(Unavailable("The server restarts. Ask again in a moment."))

    def _show(self, event: Event) -> bytes:
        match event.type:
            case "output.delta":
                self._text += event.data["text"]
                for piece in event.data.get("tool_calls") or ():
                    add(self._calls, CallPiece.parse(piece))
                return self._advance()
            case "output.reset":
                self._text = "".join(event.data["texts"] or ())
                self._calls = list(event.data.get("tool_calls") or ())
                return self._advance()
            case "job.succeeded" | "job.incomplete":
                return self._finish(event.data["output"])
            case "job.failed" | "job.cancelled" | "job.expired" | "job.quarantined":
                told = event.data["error"] or {}
                message = str(told.get("message", f"The job was {event.data['status']}."))
                return self._fail(Problem(message, code=str(told.get("code", event.data["status"]))))
        return b""

    def _advance(self) -> bytes:
        """What the text so far adds to what was sent."""
        reasoning, content = split_so_far(self._text)
        data = self._send("reasoning", reasoning) + self._send("content", content)
        return data + self._send_calls(self._calls)

    def _send(self, part: str, text: str) -> bytes:
        sent = self._sent[part]
        if sent.startswith(text):
            return b""
        if not text.startswith(sent):
            return self._differs()
        self._sent[part] = text
        return self._delta({part: text[len(sent) :]})

    def _send_calls(self, calls: Sequence[Json]) -> bytes:
        """What these tool calls add to what was sent of them."""
        data = b""
        for index, call in enumerate(calls):
            if not self.done:
                data += self._send_call(index, call)
        return data

    def _send_call(self, index: int, call: Json) -> bytes:
        begins = index == len(self._sent_calls)
        if begins:
            self._sent_calls.append(CallSent.begun(call))
        sent, arguments = self._sent_calls[index], call["function"]["arguments"]
        if not sent.is_of(call):
            return self._differs()
        added = arguments[len(sent.arguments) :]
        if not (added or begins):
            return b""
        sent.arguments += added
        piece = CallPiece(index=index, arguments=added)
        if begins:
            piece = replace(piece, id=sent.id, name=sent.name)
        return self._delta({"tool_calls": [piece.shown()]})

    def _differs(self) -> bytes:
        return self._fail(
            Problem("An attempt failed after text was sent, and the next one says something else. Ask again.")
        )

    def _finish(self, output: Json) -> bytes:
        choice = output["choices"][0]
        message = choice["message"]
        data = b""
        if not self._text or self._sent["content"] != self._text:
            data += self._send("reasoning", message.get("reasoning") or "")
            data += self._send("content", message.get("content") or "")
            if self.done:
                return data
        calls = message.get("tool_calls") or ()
        data += self._send_calls(calls) if len(calls) >= len(self._sent_calls) else self._differs()
        if self.done:
            return data
        data += self._delta({}, finish=choice["finish_reason"])
        if self._include_usage:
            data += _event({**self._head, "choices": [], "usage": output.get("usage")})
        self.done = True
        return data + _DONE

    def _fail(self, problem: Problem) -> bytes:
        self.done = True
        return _event(error.document(problem)) + _DONE

    def _delta(self, delta: Json, *, finish: str | None = None) -> bytes:
        role = {} if self._begun else {"role": "assistant"}
        self._begun = True
        choice = {"index": 0, "delta": {**role, **delta}, "logprobs": None, "finish_reason": finish}
        usage = {"usage": None} if self._include_usage else {}
        return _event({**self._head, "choices": [choice], **usage})


def _event(data: Json) -> bytes:
    return f"data: {compact(data)}\n\n".encode("utf-8", "replace")

"""A chat job's events as OpenAI's `chat.completion.chunk` stream.

OpenAI's form cannot take text back. When an attempt fails after text went out, the next one is followed silently for
as long as it says the same, and goes on where that one stopped; when it says something else, the stream ends with an
error, and the client asks again.
"""

from collections.abc import Sequence
from typing import Any

from sightline.api.openai import error
from sightline.errors import Problem, Unavailable
from sightline.events.stream import Event
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
        self._sent = {"reasoning": "", "content": ""}

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
                return self._advance()
            case "output.reset":
                self._text = "".join(event.data["texts"] or ())
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
        return self._send("reasoning", reasoning) + self._send("content", content)

    def _send(self, part: str, text: str) -> bytes:
        sent = self._sent[part]
        if sent.startswith(text):
            return b""
        if not text.startswith(sent):
            return self._fail(
                Problem(
                    "An attempt failed after text was sent, and the next one says something else. Ask again."
                )
            )
        self._sent[part] = text
        return self._delta({part: text[len(sent) :]})

    def _finish(self, output: Json) -> bytes:
        choice = output["choices"][0]
        message = choice["message"]
        data = b""
        if not self._text or self._sent["content"] != self._text:
            data += self._send("reasoning", message.get("reasoning") or "")
            data += self._send("content", message.get("content") or "")
            if self.done:
                return data
        if message.get("tool_calls"):
            calls = [{"index": index, **call} for index, call in enumerate(message["tool_calls"])]
            data += self._delta({"tool_calls": calls})
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

"""A chat job's events as OpenAI's stream of a response, resumed by the sequence number of any of its events.

A number tells what its client has: which item, and how many characters of it. So a stream goes on exactly where it
stopped from the job's row alone, in whatever process, also when the live text is gone. The numbers grow, with gaps.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sightline.api.openai import response_object as objects
from sightline.errors import Problem, Unavailable
from sightline.events.stream import Event
from sightline.events.tool_calls import CallPiece, CallSent, add
from sightline.kinds.chat.completion import split_so_far
from sightline.web.sse import Send, compact, start

Json = dict[str, Any]

REGION = 10_000_000
"""Numbers of one item: its beginning, one for each character, its end."""
RUN = 1_000 * REGION
"""Numbers of one attempt: the text of another one may differ."""
_CREATED, _QUEUED, _IN_PROGRESS = 0, 1, 2
_TEXT = 2  # what comes before the first character: the item, its part
_REASONING, _MESSAGE, _CALLS = 0, 1, 2
_LAST_REGION = 998
_ARGUMENTS = "response.function_call_arguments"


class ResponseEvents:
    """One client's stream; a `Form`."""

    refused = False

    def __init__(self, *, head: Json, after: int, kept: bool) -> None:
        self.done = False
        self._head = head
        self._key = str(head["id"]).partition("_")[2]
        self._after = after
        self._kept = kept
        self._created = self._started = False
        self._run = 0
        self._text = ""  # of the present attempt
        self._calls: list[Json] = []  # likewise
        self._text_run = 0  # the attempt that the client knows the text of
        self._sent: dict[str, str] = {}  # what this connection went through, by part
        self._open: dict[str, int] = {}  # the parts that have begun, and their places in the output
        self._closed: set[str] = set()
        self._sent_calls: list[CallSent] = []
        self._closed_calls = 0

    async def begin(self, send: Send, events: Sequence[Event], *, at_once: bool = False) -> bytes | None:
        """The head goes out at once: how it ends is told in the stream."""
        await start(send)
        return self.show(events)

    def show(self, events: Sequence[Event]) -> bytes:
        """The events of the response that these bring."""
        data = b"" if self._created else self._create()
        return data + b"".join(self._show(event) for event in events if not self.done)

    def cut(self) -> bytes:
        """The server stops: who follows a kept response resumes it elsewhere, anybody else asks again."""
        return b"" if self._kept else self._fail(Unavailable("The server restarts. Ask again in a moment."))

    def _create(self) -> bytes:
        self._created = True
        waits = bool(self._head["background"])
        status = "queued" if waits else "running"
        data = self._event(_CREATED, "response.created", response=self._response(status))
        return data + (
            self._event(_QUEUED, "response.queued", response=self._response(status)) if waits else b""
        )

    def _show(self, event: Event) -> bytes:
        match event.type:
            case "job.started":
                self._run = int(event.data["attempt"])
                return self._start()
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
                return self._start() + self._finish(event.data)
            case "job.failed" | "job.cancelled" | "job.expired" | "job.quarantined":
                return self._end("response.failed", event.data)
        return b""

    def _start(self) -> bytes:
        if self._started:
            return b""
        self._started = True
        return self._event(_IN_PROGRESS, "response.in_progress", response=self._response("running"))

    # --- text -------------------------------------------------------------------------------------------------

    def _advance(self) -> bytes:
        """What the text so far adds to what was sent."""
        reasoning, content = split_so_far(self._text)
        data = self._grow("reasoning", reasoning) + self._grow("message", content)
        return data + self._grow_calls(self._calls)

    def _grow(self, part: str, text: str) -> bytes:
        sent = self._sent.get(part, "")
        late = bool(self._sent_calls) and part not in self._open  # the answer itself has it
        if self.done or late or sent.startswith(text):
            return b""
        if not text.startswith(sent) or not self._is_known():
            return self._differs()
        data = self._begin(part)
        self._sent[part] = text
        first = self._number(part)
        has = min(len(text), max(len(sent), self._after - first - _TEXT + 1))
        if has < len(text):
            number = first + _TEXT + len(text) - 1
            data += self._event(
                number, _DELTAS[part], **self._place(part), delta=text[has:], **_logprobs(part)
            )
        return data

    def _differs(self) -> bytes:
        return self._fail(
            Problem(
                "An attempt failed after text was sent, and the next one may say something else. Read the"
                f" response itself: GET /v1/responses/{self._head['id']}.",
                code="attempt_failed",
            )
        )

    def _is_known(self) -> bool:
        """Is the text that the client has the beginning of this one? Not of another attempt's, as far as one knows."""
        if not self._text_run:
            had = self._after // RUN
            if had and had != self._run and self._after % RUN:
                return False
            self._text_run = self._run
        return True

    def _begin(self, part: str) -> bytes:
        if part in self._open:
            return b""
        data = b""
        if "reasoning" in self._open:  # it ends where the message begins
            data = self._close("reasoning", self._sent.get("reasoning", ""), complete=True)
        self._open[part] = len(self._open)
        first = self._number(part)
        item = (objects.reasoning if part == "reasoning" else objects.said)(self._key, None, "in_progress")
        data += self._event(first, "response.output_item.added", output_index=self._open[part], item=item)
        return data + self._event(
            first + 1, "response.content_part.added", **self._place(part), part=_part(part, "")
        )

    # --- calls ------------------------------------------------------------------------------------------------

    def _grow_calls(self, calls: Sequence[Json], *, complete: bool = False) -> bytes:
        """What these add to what was sent of them. Each but the last is complete; `complete`: that one too."""
        data = b""
        for number, call in enumerate(calls):
            if not self.done:
                data += self._grow_call(number, call)
            if not self.done and (complete or number + 1 < len(calls)):
                data += self._close_call(number, call)
        return data

    def _grow_call(self, number: int, call: Json) -> bytes:
        begins = number == len(self._sent_calls)
        if begins:
            self._sent_calls.append(CallSent.begun(call))
        sent, arguments = self._sent_calls[number], call["function"]["arguments"]
        if not sent.is_of(call) or not self._is_known():
            return self._differs()
        data, first = b"", self._call_number(number)
        if begins:
            for part in self._open:
                data += self._close(part, self._sent.get(part, ""), complete=True)
            item = objects.called(self._key, number, call, begins=True)
            index = self._call_place(number)["output_index"]
            data += self._event(first, "response.output_item.added", output_index=index, item=item)
        has = min(len(arguments), max(len(sent.arguments), self._after - first - _TEXT + 1))
        sent.arguments += arguments[len(sent.arguments) :]
        if has < len(arguments):
            last = first + _TEXT + len(arguments) - 1
            data += self._event(
                last, f"{_ARGUMENTS}.delta", **self._call_place(number), delta=arguments[has:]
            )
        return data

    def _close_call(self, number: int, call: Json) -> bytes:
        if number < self._closed_calls:
            return b""
        self._closed_calls = number + 1
        last = self._call_number(number) + REGION
        item, place = objects.called(self._key, number, call), self._call_place(number)
        done = {"name": item["name"], "arguments": item["arguments"]}
        data = self._event(last - 2, f"{_ARGUMENTS}.done", **place, **done)
        return data + self._event(
            last - 1, "response.output_item.done", output_index=place["output_index"], item=item
        )

    def _call_number(self, number: int) -> int:
        return self._text_run * RUN + (_CALLS + number) * REGION

    def _call_place(self, number: int) -> Json:
        return {"item_id": f"fc_{self._key}_{number}", "output_index": len(self._open) + number}

    # --- the end ----------------------------------------------------------------------------------------------

    def _finish(self, data: Json) -> bytes:
        choice = data["output"]["choices"][0]
        message = choice["message"]
        complete = data["status"] == "succeeded"
        found = b""
        # A model that begins inside its reasoning had all of its text told as the message.
        sent = self._sent.get("message", "")
        told = bool(sent) and sent == self._text and not (message.get("content") or "").startswith(sent)
        for part, text in (("reasoning", message.get("reasoning")), ("message", message.get("content"))):
            if text and not told:
                found += self._grow(part, text)
            elif part == "message" and not message.get("tool_calls") and self._is_known():
                found += self._begin(part)
            if part in self._open and not self.done:
                found += self._close(part, self._sent.get(part, ""), complete)
        calls = message.get("tool_calls") or []
        if not self.done and len(calls) < len(self._sent_calls):
            found += self._differs()
        if not self.done and self._is_known():
            found += self._grow_calls(calls, complete=True)
        if self.done:
            return found
        return found + self._end("response.completed" if complete else "response.incomplete", data)

    def _close(self, part: str, text: str, complete: bool) -> bytes:
        if part in self._closed:
            return b""
        self._closed.add(part)
        last = self._number(part) + REGION
        status = "completed" if complete else "incomplete"
        make = objects.reasoning if part == "reasoning" else objects.said
        place = self._place(part)
        return (
            self._event(last - 3, _DONES[part], **place, text=text, **_logprobs(part))
            + self._event(last - 2, "response.content_part.done", **place, part=_part(part, text))
            + self._event(
                last - 1,
                "response.output_item.done",
                output_index=self._open[part],
                item=make(self._key, text, status),
            )
        )

    def _end(self, kind: str, data: Json) -> bytes:
        self.done = True
        number = (self._text_run or self._run) * RUN + _LAST_REGION * REGION
        return self._event(number, kind, response=self._response(data["status"], data))

    def _fail(self, problem: Problem) -> bytes:
        self.done = True
        told = {"type": "error", "code": problem.code, "message": problem.detail, "param": None}
        # Not an event of the response, and so without a place in it: resuming goes on behind the last one that was.
        return _sse("error", {**told, "sequence_number": max(self._after, 0)})

    # --- forms ------------------------------------------------------------------------------------------------

    def _response(self, status: str, data: Json | None = None) -> Json:
        found = data or {}
        ended_at = datetime.fromisoformat(found["at"]) if found.get("at") else None
        state = objects.state(
            key=self._key,
            status=status,
            output=found.get("output"),
            usage=found.get("usage"),
            error=found.get("error"),
            ended_at=ended_at,
        )
        return {**self._head, **state}

    def _number(self, part: str) -> int:
        return self._text_run * RUN + (_REASONING if part == "reasoning" else _MESSAGE) * REGION

    def _place(self, part: str) -> Json:
        prefix = "rs" if part == "reasoning" else "msg"
        return {"item_id": f"{prefix}_{self._key}", "output_index": self._open[part], "content_index": 0}

    def _event(self, number: int, kind: str, **data: Any) -> bytes:
        if number <= self._after:
            return b""
        self._after = number
        return _sse(kind, {"type": kind, "sequence_number": number, **data})


_DELTAS = {"reasoning": "response.reasoning_text.delta", "message": "response.output_text.delta"}
_DONES = {"reasoning": "response.reasoning_text.done", "message": "response.output_text.done"}


def _part(part: str, text: str) -> Json:
    return {"type": "reasoning_text", "text": text} if part == "reasoning" else objects.text_part(text)


def _logprobs(part: str) -> Json:
    return {"logprobs": []} if part == "message" else {}


def _sse(kind: str, data: Json) -> bytes:
    return f"event: {kind}\ndata: {compact(data)}\n\n".encode("utf-8", "replace")

"""How a view asks the ASGI shell for an event stream: one internal header, as `waits` does for waiting."""

import json
import re
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from rest_framework.request import Request

from sightline.errors import FieldError, InvalidInput

HEADER = "X-Sightline-Stream"
COMPLETION = "X-Sightline-Completion"


@dataclass(frozen=True, kw_only=True)
class Stream:
    """What a view asked for."""

    of: UUID
    """A job, or a batch."""
    after: int
    """Number of the last event that the client has; 0: none."""
    batch: bool = False

    def header(self) -> str:
        return f"{'batch' if self.batch else 'job'};{self.of};{self.after}"

    @classmethod
    def parse(cls, text: str) -> "Stream":
        sort, of, after = text.split(";", 2)
        return cls(of=UUID(of), after=int(after), batch=sort == "batch")


@dataclass(frozen=True, kw_only=True)
class Completion:
    """An answer in OpenAI's form that a client waits for; when it hangs up, the job is cancelled."""

    job_id: UUID
    path: str
    """Where the completion, or why there is none, is read."""
    stream: bool
    include_usage: bool
    head: dict[str, Any]
    """What every chunk begins with; of a response, what was asked."""
    form: str = "chat"
    """chat or response."""
    after: int = -1
    """Of a response: the sequence number of the last event that the client has."""
    kept: bool = False
    """It goes on when its client hangs up."""

    def header(self) -> str:
        return json.dumps({**asdict(self), "job_id": str(self.job_id)})

    @classmethod
    def parse(cls, text: str) -> "Completion":
        values = json.loads(text)
        return cls(**{**values, "job_id": UUID(values["job_id"])})


def resumed_after(request: HttpRequest | Request) -> int:
    """Number of the last event that the client has: `Last-Event-ID`, or `?starting_after=`; 422 for no number."""
    header = request.META.get("HTTP_LAST_EVENT_ID")
    text = header or request.GET.get("starting_after") or "0"
    if not re.fullmatch(r"[0-9]{1,15}", text):
        detail = "The number of an event is what the stream sent as its id."
        name = "Last-Event-ID" if header else "?starting_after"
        raise InvalidInput(detail, errors=[FieldError(pointer=name, detail=detail)])
    return int(text)


def stream(stream: Stream) -> HttpResponse:
    """Ask for the stream."""
    return HttpResponse(content_type="text/event-stream", headers={HEADER: stream.header()})


def no_such_event(noun: str) -> InvalidInput:
    """For a number beyond the last event."""
    detail = f"This {noun} has had no event of that number."
    return InvalidInput(detail, errors=[FieldError(pointer="?starting_after", detail=detail)])


def complete(response: HttpResponse, completion: Completion) -> HttpResponse:
    """Ask for a completion in place of this response."""
    response.headers[COMPLETION] = completion.header()
    return response

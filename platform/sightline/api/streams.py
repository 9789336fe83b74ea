"""How a view asks the ASGI shell for an event stream: one internal header, as `waits` does for waiting."""

import re
from dataclasses import dataclass
from uuid import UUID

from django.http import HttpResponse
from rest_framework.request import Request

from sightline.errors import FieldError, InvalidInput

HEADER = "X-Sightline-Stream"


@dataclass(frozen=True, kw_only=True)
class Stream:
    """What a view asked for."""

    job_id: UUID
    after: int
    """Number of the last event that the client has; 0: none."""

    def header(self) -> str:
        return f"{self.job_id};{self.after}"

    @classmethod
    def parse(cls, text: str) -> "Stream":
        job_id, after = text.split(";", 1)
        return cls(job_id=UUID(job_id), after=int(after))


def resumed_after(request: Request) -> int:
    """Number of the last event that the client has: `Last-Event-ID`, or `?starting_after=`; 422 for no number."""
    header = request.META.get("HTTP_LAST_EVENT_ID")
    text = header or request.query_params.get("starting_after") or "0"
    if not re.fullmatch(r"[0-9]{1,15}", text):
        detail = "The number of an event is what the stream sent as its id."
        name = "Last-Event-ID" if header else "?starting_after"
        raise InvalidInput(detail, errors=[FieldError(pointer=name, detail=detail)])
    return int(text)


def stream(response: HttpResponse, *, job_id: UUID, after: int) -> HttpResponse:
    """Ask for the stream."""
    response.headers[HEADER] = Stream(job_id=job_id, after=after).header()
    return response

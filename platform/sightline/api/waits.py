"""How a view asks the ASGI shell to hold an answer until a job ends: one internal header, never sent on.

A view behind WSGI must not wait, for a waiter would hold its thread. It answers at once and names the job; the
shell waits without a thread and then reads the job again through the same view.
"""

import re
from dataclasses import dataclass
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from rest_framework.request import Request

from sightline.errors import FieldError, InvalidInput

HEADER = "X-Sightline-Wait"
REREAD = "sightline.reread"
"""WSGI environ key of a request that the shell makes on behalf of a waiter. No client can set one."""
ASKED = "sightline.asked"
"""WSGI environ key of a request without its body: would a file of this client be taken? 204 says so."""
LONGEST_S = 300.0
"""A longer wait is cut to this: proxies in between give up sooner or later."""

_PREFER_WAIT = re.compile(r"(?:^|[,;\s])wait\s*=\s*\"?(\d{1,9})\"?(?:$|[,;\s])", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Wait:
    """What a view asked for."""

    job_id: UUID
    seconds: float
    path: str
    """Where the job is read again."""

    def header(self) -> str:
        return f"{self.job_id};{self.seconds};{self.path}"

    @classmethod
    def parse(cls, text: str) -> "Wait":
        job_id, seconds, path = text.split(";", 2)
        return cls(job_id=UUID(job_id), seconds=float(seconds), path=path)


def wanted(request: Request) -> float | None:
    """Seconds of `?wait=`; None without it. 422 for what is no number of seconds."""
    text = request.query_params.get("wait")
    if text is None:
        return None
    if not re.fullmatch(r"\d{1,9}(\.\d{1,6})?", text):
        detail = "wait is a number of seconds, such as ?wait=30."
        raise InvalidInput(detail, errors=[FieldError(pointer="?wait", detail=detail)])
    return min(float(text), LONGEST_S)


def preferred(request: HttpRequest | Request) -> int | None:
    """Seconds of `Prefer: wait=N` (RFC 7240); None without it. A preference that is not understood is ignored."""
    match = _PREFER_WAIT.search(request.META.get("HTTP_PREFER", ""))
    return min(int(match[1]), int(LONGEST_S)) if match else None


def is_reread(request: HttpRequest | Request) -> bool:
    """Is this the shell, looking again for a waiter?"""
    return bool(request.META.get(REREAD))


def hold(response: HttpResponse, *, job_id: UUID, seconds: float, path: str) -> HttpResponse:
    """Ask for the wait."""
    response.headers[HEADER] = Wait(job_id=job_id, seconds=seconds, path=path).header()
    return response

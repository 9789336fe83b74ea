"""What can go wrong between a client and the server; `str()` of each is a sentence that a user can act on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sightline.client.wire import Answer, seconds_to_wait


class ClientError(Exception):
    """Base of all of them."""


class Unreachable(ClientError):
    """Nobody answers at the address, or the connection broke off again and again."""


class NoApi(ClientError):
    """Somebody answers, but not Sightline's API."""


class NotSucceeded(ClientError):
    """A result was asked of a job that has none of the kind."""


class StreamUnusable(ClientError):
    """Something in between keeps event streams from passing; jobs can still be waited for without."""


@dataclass(frozen=True, kw_only=True)
class FieldProblem:
    """One field and what is wrong with it."""

    pointer: str
    """JSON pointer into the body; `?name` for a query parameter."""
    detail: str


class Refused(ClientError):
    """The server answered with a problem document (RFC 9457). Each status has its own subclass."""

    def __init__(
        self,
        *,
        status: int,
        code: str,
        detail: str,
        title: str = "",
        retryable: bool = False,
        errors: Sequence[FieldProblem] = (),
        trace_id: str = "",
        retry_after_s: float | None = None,
    ) -> None:
        self.status, self.code, self.detail, self.title = status, code, detail, title
        self.retryable, self.errors, self.trace_id = retryable, tuple(errors), trace_id
        self.retry_after_s = retry_after_s
        # A detail often is its one field's already.
        fields = "".join(
            f"\n  {error.pointer}: {error.detail}" for error in self.errors if error.detail not in detail
        )
        super().__init__(f"{detail} ({code}, HTTP {status}){fields}")


class InvalidRequest(Refused):
    """400, 413, 415, 422: the request has to change."""


class NotAuthenticated(Refused):
    """401: no key, or one that is not valid (any more)."""


class Forbidden(Refused):
    """403: the key may not do that."""


class NotFound(Refused):
    """404: there is no such thing, or not for this key."""


class Conflict(Refused):
    """409: the state of the job does not allow it."""


class Gone(Refused):
    """410: the job was erased."""


class TooMany(Refused):
    """429: a quota is used up or the queue is full, for longer than the client is patient."""


class Unavailable(Refused):
    """5xx: the server cannot do it now."""


_BY_STATUS: Mapping[int, type[Refused]] = {
    400: InvalidRequest,
    401: NotAuthenticated,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    410: Gone,
    413: InvalidRequest,
    415: InvalidRequest,
    422: InvalidRequest,
    429: TooMany,
}


def refusal(answer: Answer) -> ClientError:
    """The exception for an answer that is no success, of either surface."""
    document = answer.json()
    if isinstance(document, dict) and isinstance(document.get("error"), dict):
        document = {"detail": document["error"].get("message"), **document["error"]}  # /v1's form
    if not isinstance(document, dict) or not document.get("code"):
        return NoApi(
            f"{answer.url} answered {answer.status}, which is not Sightline's API. Check SIGHTLINE_URL."
        )
    default = Unavailable if answer.status >= 500 else Refused
    return _BY_STATUS.get(answer.status, default)(
        status=answer.status,
        code=str(document["code"]),
        detail=str(document.get("detail") or document.get("title") or "The request was refused."),
        title=str(document.get("title") or ""),
        retryable=bool(document.get("retryable")),
        errors=[_field(error) for error in document.get("errors") or () if isinstance(error, dict)],
        trace_id=str(document.get("trace_id") or ""),
        retry_after_s=seconds_to_wait(answer),
    )


def _field(error: Mapping[str, Any]) -> FieldProblem:
    return FieldProblem(pointer=str(error.get("pointer", "")), detail=str(error.get("detail", "")))

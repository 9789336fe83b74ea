"""Write to the record, in the transaction of what it records."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from django.http import HttpRequest, HttpResponse

from sightline.audit.models import Entry
from sightline.clock import After

_address: ContextVar[str] = ContextVar("audit_address", default="")
_unrecorded: ContextVar[bool] = ContextVar("audit_unrecorded", default=False)


def write(
    *,
    actor: str,
    action: str,
    subject: str,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    selection: str = "",
    reason: str = "",
) -> None:
    """One act. `before` and `after` hold what it changed, in values that JSON knows.

    Neither holds a secret, or anything of what a job was asked or answered: nothing here can be erased.
    """
    if _unrecorded.get():
        return
    Entry.objects.create(
        at=After(),
        actor=actor[:200],
        address=_address.get(),
        action=action,
        subject=subject[:200],
        selection=selection,
        before=dict(before or {}),
        after=dict(after or {}),
        reason=reason[:500],
    )


@contextmanager
def unrecorded() -> Iterator[None]:
    """Inside, services write nothing: what they do is part of an act that is on record as a whole, or is nobody's."""
    token = _unrecorded.set(True)
    try:
        yield
    finally:
        _unrecorded.reset(token)


def remember_address(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Middleware: acts of this request name the address that it came from."""

    def middleware(request: HttpRequest) -> HttpResponse:
        token = _address.set(str(request.META.get("REMOTE_ADDR", ""))[:45])
        try:
            return get_response(request)
        finally:
            _address.reset(token)

    return middleware

"""What every native view shares: scopes, headers, JSON out."""

import json
from typing import Any, ClassVar, cast
from uuid import UUID

from django.http import HttpResponse
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.views import APIView

from sightline import ids
from sightline.api import rate_limits
from sightline.api.authentication import Principal
from sightline.database import statements
from sightline.errors import NotFound, Problem
from sightline.jobs.models import Job
from sightline.tenants import keys

_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
    "Vary": "Authorization",
}

ANY = "any"
"""In place of a scope: every key may."""


class ScopeMissing(Problem):
    code, status = "scope_missing", 403


class NativeView(APIView):
    """A view of `/api/v1`: the scope of each method is declared, the answer is always JSON."""

    scopes: ClassVar[dict[str, str]] = {"GET": "read", "HEAD": "read", "OPTIONS": "read"}

    def perform_content_negotiation(self, request: Request, force: bool = False) -> tuple[Any, str]:
        # There is one form of answer. A client that asks for another is better served with it than with a 406.
        return JSONRenderer(), "application/json"

    def check_permissions(self, request: Request) -> None:
        super().check_permissions(request)
        scope = self.scopes.get(request.method or "", "admin")
        if scope != ANY:
            self.require(scope)

    def require(self, scope: str) -> None:
        """403 `scope_missing` unless the key has the scope."""
        if not keys.allows(self.principal.key, scope):
            raise ScopeMissing(f"This needs a key with the scope {scope}.")

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        final = super().finalize_response(request, response, *args, **kwargs)
        # Not `request.user`: for a request that was refused before, that would authenticate it once more.
        principal = getattr(request, "_user", None)
        states = principal.states if isinstance(principal, Principal) else ()
        for name, value in {**_HEADERS, **rate_limits.headers(states)}.items():
            final.headers.setdefault(name, value)
        return final

    @property
    def principal(self) -> Principal:
        """Who asks; the permission check has let nobody else pass."""
        return cast(Principal, self.request.user)

    def job(self, public_id: str) -> Job:
        """The tenant's job of that id; another tenant's is as unknown as one that never was."""
        job = statements.first(Job, id=job_id(public_id), tenant_id=self.principal.tenant.pk, shadow=False)
        if job is None:
            raise NotFound(f"There is no job {public_id[:60]}.")
        return job


def job_id(public_id: str) -> UUID:
    """The UUID behind `job_…`; 404 for what can be no job."""
    try:
        return ids.decode(ids.JOB, public_id)
    except ids.InvalidId as error:
        raise NotFound(f"There is no job {public_id[:60]}.") from error


def answer(value: Any, *, status: int = 200, headers: dict[str, str] | None = None) -> HttpResponse:
    """A JSON response."""
    return HttpResponse(
        json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode(
            "utf-8", "replace"
        ),
        status=status,
        content_type="application/json",
        headers=headers,
    )

"""`/healthz`, `/readyz` and `/metrics`, for orchestrators and Prometheus."""

import hmac

from django.conf import settings
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse

from sightline.api.native.errors import respond, translate
from sightline.api.native.view import ScopeMissing, answer
from sightline.errors import Problem
from sightline.telemetry import exposition
from sightline.telemetry.health import look
from sightline.tenants import keys

_NO_STORE = {"Cache-Control": "no-store"}


def healthz(request: HttpRequest) -> HttpResponse:
    """The process answers. Says nothing about anything else, so that no outage elsewhere restarts it."""
    return answer({"status": "ok"}, headers=_NO_STORE)


def readyz(request: HttpRequest) -> HttpResponse:
    """The database answers; broker and engines are reported."""
    found = look()
    return answer(found.document, status=200 if found.ready else 503, headers=_NO_STORE)


def metrics(request: HttpRequest) -> HttpResponse:
    """Prometheus text, for the metrics token or a key with the scope admin."""
    try:
        _check(request.headers.get("Authorization", ""))
        text = exposition.text()
    except (Problem, DatabaseError) as error:
        return respond(request, translate(error, request))
    return HttpResponse(text, content_type=exposition.CONTENT_TYPE, headers=_NO_STORE)


def _check(authorization: str) -> None:
    scheme, _, token = authorization.partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token:
        raise keys.NotAuthenticated(
            "Send SIGHTLINE_METRICS_TOKEN, or a key with the scope admin, as a bearer token."
        )
    if settings.METRICS_TOKEN and hmac.compare_digest(token.encode(), settings.METRICS_TOKEN.encode()):
        return
    if not keys.allows(keys.authenticate(text=token), "admin"):
        raise ScopeMissing("This needs SIGHTLINE_METRICS_TOKEN, or a key with the scope admin.")

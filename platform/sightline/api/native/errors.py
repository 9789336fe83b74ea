"""The one place where the native API turns exceptions into `application/problem+json`."""

import logging
from typing import Any

from django.core.exceptions import ObjectDoesNotExist, PermissionDenied, SuspiciousOperation
from django.db import DatabaseError, DataError, IntegrityError, InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from rest_framework import exceptions
from rest_framework.request import Request

from sightline.api import problem as problems
from sightline.errors import NotFound, Problem, Unavailable

log = logging.getLogger("sightline.api")


def render(exc: Exception, context: dict[str, Any]) -> HttpResponse:
    """What DRF calls for every exception of a view. Nothing is left to Django's HTML pages."""
    request = context["request"]
    return respond(request, translate(exc, request))


def respond(request: HttpRequest | Request, problem: Problem) -> HttpResponse:
    """The problem as a response."""
    trace = problems.trace_id(request.META.get("HTTP_TRACEPARENT", ""))
    if problem.code == "internal_error":
        log.error("event=request_failed trace=%s path=%s", trace, request.path, exc_info=problem.__cause__)
    return HttpResponse(
        problems.body(problem, trace=trace),
        status=problem.status,
        content_type=problems.CONTENT_TYPE,
        headers=problems.headers(problem),
    )


def translate(exc: BaseException, request: HttpRequest | Request) -> Problem:
    """Any exception as a refusal. What nobody foresaw becomes 500 `internal_error`, and is logged."""
    match exc:
        case Problem():
            return exc
        case OperationalError() | InterfaceError():
            log.warning("event=database_away path=%s reason=%r", request.path, str(exc)[:300])
            return Unavailable("The database does not answer right now. Try again in a moment.")
        case DataError():
            return Problem(
                "The database cannot store a value of this request.", code="invalid_input", status=422
            )
        case exceptions.NotAuthenticated() | exceptions.AuthenticationFailed():
            return Problem(
                "Send a key as `Authorization: Bearer sl_…`; `sightline keys create NAME` makes one.",
                code="not_authenticated",
                status=401,
            )
        case exceptions.PermissionDenied() | PermissionDenied():
            return Problem("This key may not do that.", code="scope_missing", status=403)
        case exceptions.NotFound() | Http404():
            return NotFound("There is nothing at this address.")
        case exceptions.MethodNotAllowed():
            return Problem(f"{request.method} is not allowed here.", code="method_not_allowed", status=405)
        case exceptions.UnsupportedMediaType():
            sent = request.META.get("CONTENT_TYPE", "") or "nothing"
            return Problem(
                f"The content type {sent[:100]!r} is not read here: send application/json or multipart/form-data.",
                code="unsupported_media",
                status=415,
            )
        case exceptions.ParseError() | SuspiciousOperation():
            return Problem(f"The request is malformed: {str(exc)[:200]}", code="bad_request", status=400)
        case exceptions.APIException():
            return Problem(str(exc.detail), code="bad_request", status=exc.status_code)
        case IntegrityError():
            # Rows that refer to each other, or must differ, changed under the request: nothing of it was kept.
            log.warning("event=request_collided path=%s", request.path, exc_info=exc)
            return Unavailable("Another request changed the same thing at this moment. Try again.")
        case ObjectDoesNotExist() | FileNotFoundError():
            # Found at first and gone a moment later: erased, or past its retention.
            log.warning("event=gone_meanwhile path=%s", request.path, exc_info=exc)
            return NotFound("What this request is about was deleted at this moment.")
        case DatabaseError() if "disk" in str(exc):
            return Unavailable("The database's disk is full or failing.", retry_after_s=30)
        case OSError():
            # The disk of the images is full or gone, or their object store is; nothing was accepted.
            log.error("event=storage_away path=%s", request.path, exc_info=exc)
            return Unavailable("Images cannot be stored right now. Try again in a moment.", retry_after_s=30)
    problem = Problem(
        "An unexpected error happened; it was logged under this trace_id.", code="internal_error"
    )
    problem.__cause__ = exc
    return problem

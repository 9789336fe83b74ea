"""What Django answers when no view does. Programs get problem documents, people in the admin get pages."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.views import defaults

from sightline.api.native import errors as native
from sightline.api.native.errors import translate
from sightline.api.openai import error as openai_error
from sightline.api.openai import errors as openai
from sightline.errors import NotFound, Problem


def bad_request(request: HttpRequest, exception: Exception, *args: Any, **kwargs: Any) -> HttpResponse:
    """400: a Host that is not ours, too many fields, a path that escapes."""
    return _respond(
        request, Problem(f"The request is malformed: {exception}"[:300], code="bad_request", status=400)
    )


def forbidden(request: HttpRequest, exception: Exception, *args: Any, **kwargs: Any) -> HttpResponse:
    """403."""
    if _for_people(request):
        return defaults.permission_denied(request, exception)
    return _respond(request, translate(exception, request))


def not_found(request: HttpRequest, exception: Exception, *args: Any, **kwargs: Any) -> HttpResponse:
    """404."""
    if _for_people(request):
        return defaults.page_not_found(request, exception)
    return _respond(request, NotFound("There is nothing at this address."))


def server_error(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
    """500, or 503 when the database is away."""
    import sys

    error = sys.exc_info()[1]
    problem = (
        translate(error, request) if error is not None else Problem("Unexpected.", code="internal_error")
    )
    if _for_people(request) and problem.code == "internal_error":
        return defaults.server_error(request)
    return _respond(request, problem)


def _respond(request: HttpRequest, problem: Problem) -> HttpResponse:
    if request.path.startswith(openai_error.PREFIX):
        return openai.respond(request, problem)
    return native.respond(request, problem)


def _for_people(request: HttpRequest) -> bool:
    return request.path.startswith("/admin/")

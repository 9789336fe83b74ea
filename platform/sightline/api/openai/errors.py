"""The one place where `/v1` turns exceptions into OpenAI's errors."""

import logging
from typing import Any

from django.http import HttpRequest, HttpResponse
from rest_framework.request import Request

from sightline.api import problem as problems
from sightline.api.native.errors import translate
from sightline.api.openai import error
from sightline.errors import Problem

log = logging.getLogger("sightline.api")


def render(exc: Exception, context: dict[str, Any]) -> HttpResponse:
    """What DRF calls for every exception of a view."""
    return respond(context["request"], translate(exc, context["request"]))


def respond(request: HttpRequest | Request, problem: Problem) -> HttpResponse:
    """The problem as a response."""
    if problem.code == "internal_error":
        log.error("event=request_failed path=%s", request.path, exc_info=problem.__cause__)
    return HttpResponse(
        error.body(problem),
        status=error.status(problem),
        content_type="application/json",
        headers=problems.headers(problem),
    )

"""A button that was pressed: what it does, and the page again with what came of it."""

from collections.abc import Callable

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from sightline.errors import Problem
from sightline_dashboard.admin.read_only import only_post


def pressed(request: HttpRequest, act: Callable[[], str], *, may: bool, back: str) -> HttpResponse:
    """Do it and say so in the words that `act` returns, or why not where it raises a `Problem`; then lead back.

    405 for what is no POST, PermissionDenied for who may not.
    """
    if refusal := only_post(request):
        return refusal
    if not may:
        raise PermissionDenied
    try:
        messages.success(request, act())
    except Problem as problem:
        messages.error(request, problem.detail)
    return HttpResponseRedirect(back)

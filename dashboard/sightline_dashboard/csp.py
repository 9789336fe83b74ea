"""The Content-Security-Policy of the admin: everything from this origin, no inline script, no inline style sheet.

Two concessions to Alpine, which unfold's pages are made of: `unsafe-eval`, because it turns attribute texts into
functions, and style attributes, because it writes the width of the action bar as one. Both kinds of attributes come
from templates; text of models and users only ever arrives escaped.
"""

from collections.abc import Callable
from functools import cache, partial

from django.http import HttpRequest, HttpResponse
from django.urls import reverse

PAGES = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self' 'unsafe-eval'",
        "style-src 'self'",
        "style-src-attr 'unsafe-inline'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "frame-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)

UNTRUSTED = "; ".join(
    (
        "sandbox",
        "default-src 'none'",
        "style-src 'unsafe-inline'",
        "img-src data:",
        "form-action 'none'",
        "frame-ancestors 'self'",
    )
)
"""For bytes that a user or a model made: no script, no request, an origin of its own."""


def content_security_policy(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Middleware: the admin's pages get the policy unless a view has set a stricter one."""

    admin = cache(partial(reverse, "admin:index"))  # the addresses are not known yet

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        if request.path_info.startswith(admin()):
            response.headers.setdefault("Content-Security-Policy", PAGES)
            response.headers.setdefault("Referrer-Policy", "same-origin")
        return response

    return middleware

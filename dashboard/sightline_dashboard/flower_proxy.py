"""Flower behind the admin's sign-in: the web asks for a staff session and fetches Flower's pages itself.

Only what looks goes through, by a list of what Flower has: no control, no metrics, no API of task results. The
password that Flower itself asks for stays on this side; it remains for those who reach Flower directly.
"""

import hashlib
import re
from base64 import b64encode
from functools import cache
from threading import BoundedSemaphore
from urllib.parse import quote

import httpx
from django.conf import settings
from django.contrib import admin
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.templatetags.static import static
from django.urls import reverse
from django.views.decorators.csrf import csrf_exempt

from sightline import installation

PERMISSION = "fleet.view_group"
_PAGES = re.compile(r"(|workers|worker/.+|task/.+|tasks|broker|static/.+|api/workers)")
_READS_BY_POST = "tasks/datatable"
_SENT = ("Accept", "Content-Type", "If-None-Match", "If-Modified-Since", "X-Requested-With")
_KEPT = ("Content-Type", "Cache-Control", "ETag", "Last-Modified", "Expires")
_OWN_SCRIPT = re.compile(rb'<script type="text/javascript">(\s*var autorefresh = \w+;\s*)</script>')
"""The one inline script of Flower's pages; nothing else that stands inline may run."""
_PATIENCE = httpx.Timeout(10.0, connect=2.0)
_at_once = BoundedSemaphore(max(1, settings.WEB_THREADS // 2))
"""A Flower that hangs holds half of the threads at most."""


@cache
def _client() -> httpx.Client:
    return httpx.Client(timeout=_PATIENCE, follow_redirects=False)


@csrf_exempt  # the one POST that goes through reads a table
def flower(request: HttpRequest, path: str) -> HttpResponse:
    """One page of Flower, for staff who may see the fleet."""
    if not admin.site.has_permission(request):
        return redirect_to_login(request.get_full_path(), reverse("admin:login"))
    if not request.user.has_perm(PERMISSION):
        raise PermissionDenied
    reads = path == _READS_BY_POST
    if not (reads or _PAGES.fullmatch(path)) or ".." in path.split("/"):
        raise Http404
    if request.method not in (("GET", "POST") if reads else ("GET", "HEAD")):
        return HttpResponseNotAllowed(["GET", "POST"] if reads else ["GET", "HEAD"])
    if not _at_once.acquire(timeout=2.0):
        return _away("Flower is slow, and others wait for it.")
    try:
        answer = _client().request(
            str(request.method),
            f"{settings.FLOWER_UPSTREAM.rstrip('/')}/flower/{quote(path, safe='/@:')}",
            params=request.META["QUERY_STRING"],
            content=request.body,
            headers={name: request.headers[name] for name in _SENT if name in request.headers},
            auth=(settings.FLOWER_USER, installation.flower_password()),
        )
    except httpx.HTTPError:
        return _away("Flower does not answer.")
    finally:
        _at_once.release()
    if answer.status_code == 401:
        return _away(
            "Flower has another password than the web knows. Set SIGHTLINE_FLOWER_PASSWORD for both."
        )
    return _passed_on(answer)


def _passed_on(answer: httpx.Response) -> HttpResponse:
    body = answer.content
    page = answer.headers.get("Content-Type", "").startswith("text/html")
    if page:
        script = f'<script src="{static("sightline_dashboard/flower.js")}"></script></body>'
        body = body.replace(b"</body>", script.encode())
    response = HttpResponse(body, status=answer.status_code)
    for name in _KEPT:
        if name in answer.headers:
            response.headers[name] = answer.headers[name]
    if page:
        response.headers["Cache-Control"] = "no-store"
    response.headers["Content-Security-Policy"] = _policy(body if page else b"")
    response.headers["Referrer-Policy"] = "same-origin"
    return response


def _policy(page: bytes) -> str:
    """It shares our origin, so nothing may run in it but its own files: a task's name must not become a script."""
    own = _OWN_SCRIPT.search(page)
    allowed = f" 'sha256-{b64encode(hashlib.sha256(own[1]).digest()).decode()}'" if own else ""
    return (
        f"default-src 'none'; script-src 'self'{allowed}; style-src 'self'; style-src-attr 'unsafe-inline';"
        " img-src 'self' data:; font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none';"
        " frame-ancestors 'none'"
    )


def _away(why: str) -> HttpResponse:
    return HttpResponse(
        why, status=503, content_type="text/plain; charset=utf-8", headers={"Retry-After": "5"}
    )

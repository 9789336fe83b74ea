"""Which of our pages are watched, who may watch them, and the view that a browser follows one by."""

from collections.abc import Callable
from dataclasses import dataclass

from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from sightline.events import boards
from sightline.events.boards import Draw, Watch
from sightline_dashboard import stuck
from sightline_dashboard.causes import board as causes
from sightline_dashboard.home import now


@dataclass(frozen=True, kw_only=True)
class Board:
    """One page."""

    variant: Callable[[HttpRequest], str | None]
    """What this person may see of it and do there; None: nothing."""
    draw: Draw


BOARDS = {
    "home": Board(variant=now.variant, draw=now.draw),
    "errors": Board(variant=causes.variant, draw=causes.draw),
    "stuck": Board(variant=stuck.variant, draw=stuck.draw),
}


def register() -> None:
    """Make them known to the shell, which draws them for everybody who watches."""
    for name, board in BOARDS.items():
        boards.register(name, board.draw)


@require_safe
def live(request: HttpRequest, name: str) -> HttpResponse:
    """The parts of a page as server-sent events.

    Behind the shell the answer goes on for a minute; behind any other server it is one event, and the browser asks
    again. Somebody who is signed out, or may not see the page, is told so: a browser would ask a 403 for ever.
    """
    board = BOARDS.get(name)
    if board is None:
        raise Http404
    variant = board.variant(request) if admin.site.has_permission(request) else None
    response = HttpResponse(content_type="text/event-stream; charset=utf-8")
    response.headers["Cache-Control"] = "no-store"
    if variant is None:
        response.content = b"event: refused\ndata: {}\n\n"
    elif boards.SHELL in request.META:
        response.headers[boards.HEADER] = Watch(board=name, variant=variant).header()
    else:
        response.content = b"retry: 3000\n\n" + boards.event(board.draw([variant])[variant])
    return response

"""The error inbox as a page that many watch."""

from collections.abc import Collection
from typing import Any

from django.http import HttpRequest
from django.template.loader import render_to_string

from sightline.events.boards import Parts
from sightline_dashboard.causes.rows import SHOWN, VIEWS, rows
from sightline_dashboard.home.database_time import database_now


def variant(request: HttpRequest) -> str | None:
    """The chosen view; None: it does not exist, or this person may not see it."""
    chosen = request.GET.get("view", "inbox")
    return chosen if chosen in VIEWS and request.user.has_perm("triage.view_cause") else None


def parts(chosen: str) -> Parts:
    now = database_now()
    shown: dict[str, Any] = {
        "rows": rows(VIEWS[chosen][1](now=now), now=now),
        "chosen": chosen,
        "limit": SHOWN,
        "now": now,
    }
    return {
        name: render_to_string(f"sightline_dashboard/{template}.html", shown)
        for name, template in (("causes", "causes/list"), ("asof", "asof"))
    }


def draw(variants: Collection[str]) -> dict[str, Parts]:
    """One query for each view that is watched."""
    return {chosen: parts(chosen) for chosen in variants}

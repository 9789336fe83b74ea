"""The error inbox as a page that many watch."""

from collections.abc import Collection
from typing import Any

from django.http import HttpRequest
from django.template.loader import render_to_string

from sightline.events.boards import Parts
from sightline_dashboard.causes.rows import SHOWN, VIEWS, rows
from sightline_dashboard.home.database_time import database_now


def variant(request: HttpRequest) -> str | None:
    """The chosen view and what may be done there; None: it does not exist, or this person may not see it."""
    chosen = request.GET.get("view", "inbox")
    if chosen not in VIEWS or not request.user.has_perm("triage.view_cause"):
        return None
    return f"{chosen},retry" if request.user.has_perm("jobs.change_job") else chosen


def parts(variant: str) -> Parts:
    now = database_now()
    chosen, *may = variant.split(",")
    shown: dict[str, Any] = {
        "rows": rows(VIEWS[chosen][1](now=now), now=now),
        "chosen": chosen,
        "may": may,
        "limit": SHOWN,
        "now": now,
    }
    return {
        name: render_to_string(f"sightline_dashboard/{template}.html", shown)
        for name, template in (("causes", "causes/list"), ("asof", "asof"))
    }


def draw(variants: Collection[str]) -> dict[str, Parts]:
    """One query for each view that is watched."""
    return {variant: parts(variant) for variant in variants}

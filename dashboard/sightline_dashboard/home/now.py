"""What the home page shows: in ten seconds it must answer "is it us, one kind, one tenant or one GPU?"."""

from collections.abc import Collection, Mapping
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.template.loader import render_to_string

from sightline.events.boards import Parts
from sightline.fleet.burn import burn_rates
from sightline.jobs.models import Job
from sightline.jobs.status import Status
from sightline.triage.models import CauseState
from sightline_dashboard.causes.rows import first, inbox, row_of
from sightline_dashboard.home.database_time import database_now
from sightline_dashboard.home.group_rows import group_rows
from sightline_dashboard.home.queue_rows import queue_rows
from sightline_dashboard.home.recent import recent
from sightline_dashboard.home.running import running
from sightline_dashboard.home.upkeep import upkeep
from sightline_dashboard.home.verdict import findings

LAST_FAILURES = 5
CAUSES = 6
PARTS = {
    "verdict": "jobs",
    "queues": "fleet",
    "groups": "fleet",
    "causes": "causes",
    "failures": "jobs",
    "asof": "",
}
"""Part of the page: what a person must be allowed to see to get it."""
_ALLOWED = {
    "jobs": "jobs.view_job",
    "fleet": "fleet.view_group",
    "causes": "triage.view_cause",
    "pause": "fleet.change_queue",
    "drain": "fleet.change_group",
}


def variant(request: HttpRequest) -> str:
    """What this person may see and do here."""
    return ",".join(word for word, permission in _ALLOWED.items() if request.user.has_perm(permission))


def snapshot() -> dict[str, Any]:
    """The same for everybody. A fixed number of queries, none of which reads a growing table."""
    now = database_now()
    aboard = running()
    groups = group_rows(aboard=aboard, now=now)
    sample = recent(now=now)
    queues = queue_rows(now=now, aboard=aboard, groups=groups, sample=sample, burn=burn_rates(now=now))
    causes = first(inbox(now=now))
    failures = (
        Job.objects.filter(status__in=(Status.FAILED, Status.QUARANTINED))
        .select_related("tenant")
        .defer("input", "output", "params", "metadata", "usage", "timings")
        .order_by("-id")[:LAST_FAILURES]
    )
    return {
        "now": now,
        "queues": queues,
        "groups": groups,
        "sample": sample,
        "failures": list(failures),
        "rows": [row_of(cause, now) for cause in causes[:CAUSES]],
        "findings": findings(
            upkeep=upkeep(now=now),
            groups=groups,
            queues=queues,
            lately=sample.lately,
            regressed=sum(cause.state == CauseState.REGRESSED for cause in causes),
        ),
    }


def parts(shown: Mapping[str, Any], words: str) -> dict[str, str]:
    """The page's parts as a person of this variant sees them."""
    may = frozenset(words.split(","))
    return {
        name: render_to_string(f"sightline_dashboard/home/{name}.html", {**shown, "may": may})
        for name, needed in PARTS.items()
        if not needed or needed in may
    }


def draw(variants: Collection[str]) -> dict[str, Parts]:
    """The board: one snapshot for all who watch."""
    shown = snapshot()
    return {words: parts(shown, words) for words in variants}


def context(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """unfold's dashboard callback."""
    return {
        **context,
        "parts": parts(snapshot(), variant(request)),
        "board": "home",
        "flower_url": settings.FLOWER_URL,
    }

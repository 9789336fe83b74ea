"""What the home page shows: in ten seconds it must answer "is it us, one kind, one tenant or one GPU?"."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest

from sightline.jobs.models import Job
from sightline.jobs.status import Status
from sightline_dashboard.admin.causes import inbox, rows
from sightline_dashboard.home.burn import burn_rates
from sightline_dashboard.home.database_time import database_now
from sightline_dashboard.home.group_rows import group_rows
from sightline_dashboard.home.queue_rows import queue_rows
from sightline_dashboard.home.recent import recent
from sightline_dashboard.home.running import running
from sightline_dashboard.home.upkeep import upkeep

LAST_FAILURES = 5
CAUSES = 6


def context(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """unfold's dashboard callback. A fixed number of queries, none of which reads a growing table."""
    now = database_now()
    aboard = running()
    groups = group_rows(aboard=aboard, now=now)
    sample = recent(now=now)
    failures = (
        Job.objects.filter(status__in=(Status.FAILED, Status.QUARANTINED))
        .select_related("tenant")
        .defer("input", "output", "params", "metadata", "usage", "timings")
        .order_by("-id")[:LAST_FAILURES]
    )
    return {
        **context,
        "now": now,
        "queues": queue_rows(now=now, aboard=aboard, groups=groups, sample=sample, burn=burn_rates(now=now)),
        "groups": groups,
        "sample": sample,
        "failures": list(failures),
        "rows": rows(inbox(now=now), now=now, most=CAUSES),
        "upkeep": upkeep(now=now),
        "flower_url": settings.FLOWER_URL,
        "may_pause": request.user.has_perm("fleet.change_queue"),
        "may_drain": request.user.has_perm("fleet.change_group"),
    }

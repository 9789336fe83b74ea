"""A row a minute for each queue and each group: what the dashboard's charts are drawn from.

| Queue | Group |
|---|---|
| depth, parked, oldest_age_s, in_flight | state, aboard |
| ended: jobs by status in the minute | everything in `readings.py` |
| wait_p50_ms, wait_p95_ms, run_p50_ms, run_p95_ms of these | |
| started, late: of these, how many ran, and how many of them later than `SLO` wants | |
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Count

from sightline.celery import queue_name
from sightline.clock import After
from sightline.fleet.models import Group, Minute
from sightline.jobs.models import Job
from sightline.jobs.status import Status
from sightline.telemetry import depth

KEPT_S = 31 * 86_400
MOST_SAMPLED = 5_000
"""Ended jobs that a minute's percentiles are computed from at most, the newest."""


def record(*, now: datetime) -> int:
    """Write the minute that just ended, by the database's time `now`; how many rows. Again: changes nothing."""
    at = now.replace(second=0, microsecond=0) - timedelta(minutes=1)
    if Minute.objects.filter(at=at).exists():
        return 0
    rows = [
        Minute(at=at, subject=subject, values=values) for subject, values in (_queues(at) | _groups()).items()
    ]
    Minute.objects.bulk_create(rows, ignore_conflicts=True)
    return len(rows)


def forget() -> int:
    """Delete the rows that are older than charts go back."""
    return Minute.objects.filter(at__lt=After(-KEPT_S)).delete()[0]


def _queues(at: datetime) -> dict[str, dict[str, Any]]:
    running: Counter[str] = Counter()
    aboard = Job.objects.filter(status=Status.RUNNING).values_list("kind", "model")
    for kind, tag, count in aboard.annotate(count=Count("pk")).order_by():
        running[queue_name(kind, tag)] += count
    ended: dict[str, Counter[str]] = defaultdict(Counter)
    waits: dict[str, list[float]] = defaultdict(list)
    runs: dict[str, list[float]] = defaultdict(list)
    sample = Job.objects.filter(ended_at__gte=at, ended_at__lt=at + timedelta(minutes=1)).order_by(
        "-ended_at"
    )
    for kind, tag, status, timings in sample.values_list("kind", "model", "status", "timings")[:MOST_SAMPLED]:
        name = queue_name(kind, tag)
        ended[name][status] += 1
        if timings:
            waits[name].append(timings.get("queue", 0.0))
            runs[name].append(timings.get("total", 0.0))
    waiting = depth.by_queue()
    found = {}
    for name in {*running, *ended, *waiting}:
        target = settings.SLO.get(name.partition(".")[0])
        now = waiting.get(name, depth.Depth())
        found[f"queue:{name}"] = {
            "depth": now.depth,
            "parked": now.parked,
            "oldest_age_s": now.oldest_age_s,
            "in_flight": running[name],
            "ended": dict(ended[name]),
            "started": len(waits[name]),
            "late": sum(wait > target["start_within_s"] * 1000 for wait in waits[name]) if target else 0,
            "wait_p50_ms": quantile(waits[name], 0.5),
            "wait_p95_ms": quantile(waits[name], 0.95),
            "run_p50_ms": quantile(runs[name], 0.5),
            "run_p95_ms": quantile(runs[name], 0.95),
        }
    return found


def _groups() -> dict[str, dict[str, Any]]:
    aboard = Job.objects.filter(status=Status.RUNNING).exclude(group="").values_list("group")
    running = dict(aboard.annotate(count=Count("pk")).order_by())
    return {
        f"group:{group.id}": {"state": group.state, "aboard": running.get(group.id, 0), **group.readings}
        for group in Group.objects.all()
    }


def quantile(values: Sequence[float], share: float) -> float | None:
    """The nearest-rank quantile, None of nothing."""
    if not values:
        return None
    ordered = sorted(values)
    return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))], 1)

"""How much waits in a queue, and for how long the oldest has."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.db.models import Count, Max, Min, Q

from sightline import clock
from sightline.clock import After
from sightline.jobs.models import Job
from sightline.jobs.status import Status


@dataclass(frozen=True, kw_only=True)
class Depth:
    """What waits in one queue."""

    depth: int = 0
    """Claimable jobs."""
    parked: int = 0
    """Jobs in backoff."""
    oldest_age_s: float | None = None
    """Seconds since the oldest of them was accepted; None: nothing waits."""


def by_queue(**only: str) -> Mapping[str, Depth]:
    """Every queue in which something waits; one query over the waiting jobs."""
    rows = (
        # One that follows another waits for nothing but that one.
        Job.objects.filter(status=Status.QUEUED, source=None, **only)
        .values("queue")
        .annotate(
            depth=Count("pk", filter=Q(parked_until=None)),
            parked=Count("pk", filter=~Q(parked_until=None)),
            oldest=Min("created_at"),
            now=Max(After()),
        )
        .order_by()
    )
    return {
        row["queue"]: Depth(
            depth=row["depth"],
            parked=row["parked"],
            oldest_age_s=max(0.0, round((clock.parse(row["now"]) - row["oldest"]).total_seconds(), 3)),
        )
        for row in rows
    }


def of(queue: str) -> Depth:
    """One queue."""
    return by_queue(queue=queue).get(queue, Depth())

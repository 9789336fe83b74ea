"""Where a job stands and when it may end, from what the fleet did in the last minutes."""

import threading
import time
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from statistics import quantiles
from uuid import UUID

from django.db import connection
from django.db.models import Count, Q

from sightline import clock
from sightline.celery import queue_name
from sightline.clock import After
from sightline.fleet.models import Group, Intake
from sightline.jobs.models import Job
from sightline.jobs.status import Status

SAMPLE = 300
"""Ended jobs that the rates are measured on."""
WINDOW_S = 600.0
"""How far back they may lie."""
FRESH_S = 1.0
"""How long one process keeps what it measured."""
COUNTED = 1_000
"""Jobs ahead that an answer counts; `explain` counts all."""


@dataclass(frozen=True, kw_only=True)
class Service:
    """How a queue is served at the moment."""

    seats: int = 0
    """Of the groups that take its jobs now."""
    running: int = 0
    """Jobs of the queue that run."""
    rate: float | None = None
    """Jobs a second that ended lately; None: none did."""
    fast_s: float | None = None
    """Seconds from claim to end of the quickest tenth."""
    slow_s: float | None = None
    """Seconds from claim to end that nine tenths stay below."""

    def eta_ms(self, ahead: int, most_ahead: int | None = None) -> tuple[int, int] | None:
        """From now to the end of a job with so many ahead of it, at best and at worst; None: nobody can tell.

        At best every job is as quick as the quickest tenth and all seats work for this queue; at worst all are
        slow. A job that finds a free seat does not wait.
        """
        if not self.seats or self.fast_s is None or self.slow_s is None:
            return None
        free = max(0, self.seats - self.running)
        low = max(0, ahead - free) * self.fast_s / self.seats + self.fast_s
        behind = most_ahead if most_ahead is not None else ahead
        high = max(0, behind - free + 1) * self.slow_s / self.seats + self.slow_s
        return round(low * 1000), round(max(low, high) * 1000)


@dataclass
class _Measured:
    at: float = float("-inf")
    services: dict[str, Service] = field(default_factory=dict)


_measured = _Measured()
_lock = threading.Lock()


def service(queue: str) -> Service:
    """How the queue is served; measured at most once a second a process, in three bounded queries."""
    global _measured
    if time.monotonic() - _measured.at > FRESH_S:
        with _lock:  # one thread measures, the others wait for it rather than measure as well
            if time.monotonic() - _measured.at > FRESH_S:
                _measured = _Measured(services=_measure(), at=time.monotonic())
    return _measured.services.get(queue, Service())


def forget() -> None:
    """Measure anew at the next call."""
    global _measured
    _measured = _Measured()


def ahead(job: Job, *, most: int | None = COUNTED) -> int | None:
    """Claimable jobs with a lower turn in the job's queue; None: more than `most` (counted in the index)."""
    limit = "" if most is None else f" LIMIT {int(most) + 1}"
    key = job.pk.hex if connection.vendor == "sqlite" else str(job.pk)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT COUNT(*) FROM (SELECT 1 FROM jobs_job WHERE queue = %s AND status = 'queued'"  # noqa: S608
            f" AND parked_until IS NULL AND (turn, id) < (%s, %s){limit}) AS lower",
            [job.queue, job.turn, key],
        )
        count = int(cursor.fetchone()[0])
    return count if most is None or count <= most else None


def own_ahead(*, tenant_id: UUID, queue: str) -> int:
    """Claimable jobs of one tenant in a queue, counted up to `COUNTED`: a new one of it comes after them."""
    own = Job.objects.filter(tenant_id=tenant_id, queue=queue, status=Status.QUEUED, parked_until=None)
    return own.order_by()[:COUNTED].count()


def eta_ms(job: Job, position: int | None, *, depth: int | None = None) -> tuple[int, int] | None:
    """Milliseconds until the queued job ends, at best and at worst."""
    known = position if position is not None else COUNTED
    return service(job.queue).eta_ms(known, depth if position is None else None)


def _measure() -> dict[str, Service]:
    seats: dict[str, int] = defaultdict(int)
    for tag, by_kind in Group.objects.filter(intake=Intake.OPEN).values_list("tag", "seats"):
        for kind, count in by_kind.items():
            seats[queue_name(kind, tag)] += int(count)
    running = dict(
        Job.objects.filter(status=Status.RUNNING).values_list("queue").annotate(count=Count("pk")).order_by()
    )
    durations: dict[str, list[float]] = defaultdict(list)
    oldest: dict[str, datetime] = {}
    # One more column tells the database's time, so that no host's clock enters.
    recent = (
        Job.objects.filter(~Q(claimed_at=None), ended_at__gt=After(-WINDOW_S), served_from="engine")
        .order_by("-ended_at")
        .values_list("queue", "claimed_at", "ended_at", After())[:SAMPLE]
    )
    now: datetime | None = None
    for queue, claimed, ended, now_ in recent:
        durations[queue].append((ended - claimed).total_seconds())
        oldest[queue] = ended
        now = clock.parse(now_)
    found = {}
    for queue in {*seats, *running, *durations}:
        times = sorted(durations[queue])
        tenths = quantiles(times, n=10) if len(times) > 1 else times * 9
        span = max(1.0, (now - min(oldest.values())).total_seconds()) if now else 1.0
        found[queue] = Service(
            seats=seats[queue],
            running=running.get(queue, 0),
            rate=len(times) / span if times else None,
            fast_s=max(0.0, tenths[0]) if times else None,
            slow_s=max(0.0, tenths[-1]) if times else None,
        )
    return found

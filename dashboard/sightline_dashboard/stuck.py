"""What should have moved and did not: a list a reason, each bounded, each read from an index."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.template.loader import render_to_string

from sightline.events.boards import Parts
from sightline.fleet.models import Queue
from sightline.jobs import wakeups
from sightline.jobs.models import Job
from sightline.jobs.status import Status
from sightline.redis_client import RedisAway
from sightline.telemetry import depth
from sightline.webhooks.models import Delivery, DeliveryState
from sightline_dashboard.home.database_time import database_now

SHOWN = 20
LONG_RUN = 3.0
"""A job runs long when it has run for so many times its kind's p99, or half its time limit."""
GAVE_UP = timedelta(days=1)
"""Webhooks that nobody took are shown for so long after the last try."""
_SAMPLE = 500
_RUNNING = 2_000
"""Running jobs that are looked at: more than any fleet of a dozen GPUs has seats."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """A job that is stuck."""

    job: Job
    since_s: float
    """Seconds: past its lease or deadline, at work, or until its next try."""
    usual_s: float | None = None
    """What its kind usually takes at most (p99); None: nobody knows."""


@dataclass(frozen=True, kw_only=True)
class Reason:
    """One way to be stuck, and the jobs that are."""

    key: str
    title: str
    hint: str
    """What the platform does about it, or what the operator can."""
    since: str
    """What the seconds of a line are."""
    lines: Sequence[Line]
    more: bool = False
    """There are more than are shown."""


@dataclass(frozen=True, kw_only=True)
class Gap:
    """A queue whose wake-ups in the broker fall short of the claimable jobs in the database."""

    queue: str
    claimable: int
    waiting: int


@dataclass(frozen=True, kw_only=True)
class Stuck:
    """The page."""

    reasons: list[Reason]
    gaps: list[Gap]
    deliveries: list[Delivery]
    broker_away: bool

    @property
    def anything(self) -> bool:
        return bool(self.gaps or self.deliveries or any(reason.lines for reason in self.reasons))


def variant(request: HttpRequest) -> str | None:
    """Everybody who may see jobs sees the same."""
    return "" if request.user.has_perm("jobs.view_job") else None


def parts() -> Parts:
    now = database_now()
    shown = {"stuck": stuck(now=now), "now": now}
    return {
        name: render_to_string(f"sightline_dashboard/{template}.html", shown)
        for name, template in (("stuck", "stuck_list"), ("asof", "asof"))
    }


def draw(variants: Collection[str]) -> dict[str, Parts]:
    """The board: one look for all."""
    return dict.fromkeys(variants, parts())


def stuck(*, now: datetime) -> Stuck:
    """A fixed number of queries."""
    jobs = Job.objects.select_related("tenant").defer("input", "output", "params", "metadata", "usage")
    running, queued = jobs.filter(status=Status.RUNNING), jobs.filter(status=Status.QUEUED)
    gaps, away = _gaps()
    return Stuck(
        reasons=[
            _reason(
                "lapsed",
                "Lease lapsed",
                "The worker stopped renewing. The sweeper takes the job back within a second or two; if it stays"
                " here, nobody sweeps.",
                "Lapsed for",
                running.filter(lease_until__lt=now).order_by("lease_until"),
                lambda job: _seconds(job.lease_until, now),
            ),
            _long(jobs, now),
            _reason(
                "deadline",
                "Queued past its deadline",
                "The sweeper ends these within a second; if they stay here, nobody sweeps.",
                "Past for",
                queued.filter(deadline_at__lt=now).order_by("deadline_at"),
                lambda job: _seconds(job.deadline_at, now),
            ),
            _reason(
                "retrying",
                "Retrying now",
                "They failed for a passing reason, wait for a backoff to end, and come back by themselves.",
                "Next try in",
                queued.filter(parked_until__isnull=False, source=None).order_by("parked_until"),
                lambda job: max(0.0, -_seconds(job.parked_until, now)),
            ),
        ],
        gaps=gaps,
        deliveries=list(
            Delivery.objects.filter(
                Q(state=DeliveryState.PENDING, tries__gt=0)
                | Q(state=DeliveryState.FAILED, ended_at__gt=now - GAVE_UP)
            )
            .select_related("tenant")
            .defer("body")
            .order_by("due_at")[:SHOWN]
        ),
        broker_away=away,
    )


def _reason(
    key: str,
    title: str,
    hint: str,
    since: str,
    jobs: QuerySet[Job],
    seconds: Callable[[Job], float],
) -> Reason:
    found = list(jobs[: SHOWN + 1])
    return Reason(
        key=key,
        title=title,
        hint=hint,
        since=since,
        lines=[Line(job=job, since_s=seconds(job)) for job in found[:SHOWN]],
        more=len(found) > SHOWN,
    )


def _seconds(moment: datetime | None, now: datetime) -> float:
    return (now - moment).total_seconds() if moment else 0.0


def _long(jobs: QuerySet[Job], now: datetime) -> Reason:
    """Of all that run, those that run far beyond what their kind takes; the longest first."""
    at_work = list(
        Job.objects.filter(status=Status.RUNNING, claimed_at__isnull=False)
        .order_by("claimed_at")
        .values_list("pk", "kind", "claimed_at")[:_RUNNING]
    )
    usual = _usual(now) if at_work else {}
    half = settings.ATTEMPT_TIMEOUT_S / 2
    found = [
        (pk, _seconds(claimed, now), usual.get(kind))
        for pk, kind, claimed in at_work
        if _seconds(claimed, now) > min(half, LONG_RUN * usual.get(kind, half))
    ]
    by_key = jobs.in_bulk([pk for pk, _, _ in found[:SHOWN]]) if found else {}
    return Reason(
        key="long",
        title="Runs far beyond its p99",
        hint="Look at its GPU. Cancelling frees the seat at once.",
        since="Runs for",
        lines=[
            Line(job=by_key[pk], since_s=ran, usual_s=p99) for pk, ran, p99 in found[:SHOWN] if pk in by_key
        ],
        more=len(found) > SHOWN,
    )


def _usual(now: datetime) -> dict[str, float]:
    """Seconds that 99 of 100 jobs of a kind stay below, by the last hour; without kinds of which few ended."""
    runs: dict[str, list[float]] = {}
    lately = Job.objects.filter(ended_at__gte=now - timedelta(hours=1), served_from="engine").order_by(
        "-ended_at"
    )
    for kind, claimed, ended in lately.values_list("kind", "claimed_at", "ended_at")[:_SAMPLE]:
        if claimed and ended:
            runs.setdefault(kind, []).append((ended - claimed).total_seconds())
    return {
        kind: sorted(times)[int(0.99 * (len(times) - 1))] for kind, times in runs.items() if len(times) >= 20
    }


def _gaps() -> tuple[list[Gap], bool]:
    """Open queues with fewer wake-ups than claimable jobs; whether the broker could not be asked."""
    paused = set(Queue.objects.filter(paused_at__isnull=False).values_list("name", flat=True))
    gaps = []
    for queue, found in depth.by_queue().items():
        if not found.depth or queue in paused:
            continue
        try:
            waiting = wakeups.waiting(queue=queue)
        except RedisAway:
            return [], True
        if waiting < found.depth:
            gaps.append(Gap(queue=queue, claimable=found.depth, waiting=waiting))
    return gaps, False

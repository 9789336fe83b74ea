"""What should have moved and did not: a list a reason, each bounded, each read from an index."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings

from sightline.fleet.models import Queue
from sightline.jobs import wakeups
from sightline.jobs.models import Job
from sightline.jobs.status import Status
from sightline.redis_client import RedisAway
from sightline.telemetry import depth
from sightline.webhooks.models import Delivery, DeliveryState

SHOWN = 20
LONG_RUN = 3.0
"""A job runs long when it has run for so many times its kind's p99, or half its time limit."""
_SAMPLE = 500


@dataclass(frozen=True, kw_only=True)
class Reason:
    """One way to be stuck, and the jobs that are."""

    key: str
    title: str
    hint: str
    """What the platform does about it, or what the operator can."""
    jobs: Sequence[Job]


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
        return bool(self.gaps or self.deliveries or any(reason.jobs for reason in self.reasons))


def stuck(*, now: datetime) -> Stuck:
    """A fixed number of queries."""
    jobs = Job.objects.select_related("tenant").defer("input", "output", "params", "metadata", "usage")
    running, queued = jobs.filter(status=Status.RUNNING), jobs.filter(status=Status.QUEUED)
    gaps, away = _gaps()
    return Stuck(
        reasons=[
            Reason(
                key="lapsed",
                title="Lease lapsed",
                hint="The worker stopped renewing. The sweeper takes the job back within a second or two;"
                " if it stays here, nobody sweeps.",
                jobs=list(running.filter(lease_until__lt=now).order_by("lease_until")[:SHOWN]),
            ),
            Reason(
                key="long",
                title="Runs far longer than its kind does",
                hint="Look at its GPU. Cancelling frees the seat at once.",
                jobs=_long(list(running.order_by("claimed_at")[:SHOWN]), now),
            ),
            Reason(
                key="deadline",
                title="Queued past its deadline",
                hint="The sweeper ends these within a second; if they stay here, nobody sweeps.",
                jobs=list(queued.filter(deadline_at__lt=now).order_by("deadline_at")[:SHOWN]),
            ),
            Reason(
                key="retrying",
                title="Waits for its next try",
                hint="It failed for a passing reason and comes back by itself.",
                jobs=list(
                    queued.filter(parked_until__isnull=False, source=None).order_by("parked_until")[:SHOWN]
                ),
            ),
        ],
        gaps=gaps,
        deliveries=list(
            Delivery.objects.filter(state=DeliveryState.PENDING, tries__gt=0)
            .select_related("endpoint")
            .order_by("due_at")[:SHOWN]
        ),
        broker_away=away,
    )


def _long(jobs: list[Job], now: datetime) -> list[Job]:
    if not jobs:
        return []
    runs: dict[str, list[float]] = {}
    lately = Job.objects.filter(ended_at__gte=now - timedelta(hours=1), served_from="engine").order_by(
        "-ended_at"
    )
    for kind, claimed, ended in lately.values_list("kind", "claimed_at", "ended_at")[:_SAMPLE]:
        if claimed and ended:
            runs.setdefault(kind, []).append((ended - claimed).total_seconds())

    def limit(kind: str) -> float:
        times = sorted(runs.get(kind, ()))
        half = settings.ATTEMPT_TIMEOUT_S / 2
        return min(half, LONG_RUN * times[int(0.99 * (len(times) - 1))]) if len(times) >= 20 else half

    return [
        job for job in jobs if job.claimed_at and (now - job.claimed_at).total_seconds() > limit(job.kind)
    ]


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

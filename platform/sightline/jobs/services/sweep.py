"""The sweeper's verbs. Each one is bounded, idempotent and right whoever else runs at the same time."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from django.db import connection, transaction

from sightline import clock
from sightline.clock import After
from sightline.events import notify
from sightline.jobs import wakeups
from sightline.jobs.claims import LEASE_LAPSED, Claim, Failure
from sightline.jobs.models import IdempotencyKey, Job
from sightline.jobs.services import claim, followers
from sightline.jobs.services.announce import announce
from sightline.jobs.services.events import record
from sightline.jobs.services.fail import fail
from sightline.jobs.status import AttemptOutcome, Status
from sightline.redis_client import RedisAway
from sightline.telemetry import lifecycle

BATCH = 500
"""Rows that one verb touches in one call: a sweep stays short, the next one goes on."""
IDEMPOTENCY_S = 86_400
"""How long the first answer under an idempotency key is kept."""


def reclaim_lapsed() -> int:
    """Running jobs whose lease passed go back to their queue, or end when they crashed too often."""
    lapsed = Job.objects.filter(status=Status.RUNNING, lease_until__lt=After()).order_by("lease_until")
    reclaimed = 0
    for job in lapsed.defer("input", "params")[:BATCH]:
        failure = Failure(
            outcome=AttemptOutcome.CRASH,
            code=LEASE_LAPSED,
            message="The worker stopped renewing its lease: it was killed, hung or cut off.",
            error_type="LeaseLapsed",
        )
        reclaimed += fail(claim=_claim_of(job), failure=failure, lapsed=True) is not None
    return reclaimed


def _claim_of(job: Job) -> Claim:
    return Claim(
        job_id=job.pk,
        tenant_id=job.tenant_id,
        kind=job.kind,
        model=job.model,
        queue=job.queue,
        input={},
        params={},
        run=job.run,
        tries=job.tries,
        crashes=job.crashes,
        solo_kills=job.solo_kills,
        max_attempts=job.max_attempts,
        suspect=job.suspect,
        fence=job.fence,
        created_at=job.created_at,
        claimed_at=job.claimed_at or job.created_at,
        deadline_in_s=None,
        group=job.group,
        announced=job.announced,
        webhook_url=job.webhook_url,
    )


def unpark_due() -> int:
    """Jobs whose backoff ended become claimable."""
    due = Job.objects.filter(status=Status.QUEUED, parked_until__lte=After())
    batch = list(due.order_by("parked_until").values_list("pk", flat=True)[:BATCH])
    return due.filter(pk__in=batch).update(parked_until=None)


def expire_deadlines() -> int:
    """Queued jobs whose deadline passed end without touching a GPU."""
    due = Job.objects.filter(status=Status.QUEUED, deadline_at__lte=After()).order_by("deadline_at")
    return sum(expire(job_id=pk) for pk in list(due.values_list("pk", flat=True)[:BATCH]))


def expire(*, job_id: UUID) -> bool:
    """End one queued job if its deadline passed; False when it did not, or somebody else was faster."""
    with transaction.atomic():
        written = Job.objects.filter(pk=job_id, status=Status.QUEUED, deadline_at__lte=After()).update(
            status=Status.EXPIRED,
            parked_until=None,
            ended_at=After(),
            error={
                "code": "deadline_exceeded",
                "message": "The deadline passed before a GPU was free.",
                "retryable": True,
            },
        )
        if written:
            record(job_id=job_id, type="job.expired")
            job = Job.objects.defer("input", "params").get(pk=job_id)
            announce(ended=job, status=Status.EXPIRED)
            if job.cache_key is not None:
                Job.objects.filter(pk=job_id).update(cache_key=None)
            followers.leave(left=job, status=Status.EXPIRED)
    if written:
        notify.ended(job_id=job_id, status=Status.EXPIRED)
        lifecycle.expired(job)
    return bool(written)


@dataclass(frozen=True, kw_only=True)
class TopUp:
    """What one look at a queue found."""

    queue: str
    sent: int


def top_up(*, queues: Iterable[str], most: int = 300) -> list[TopUp]:
    """Per queue, send the wake-ups that claimable jobs lack. Heals whatever the broker lost, in one sweep.

    Counts no further than it would send, so that a long backlog does not make it slow.
    """
    found = []
    for queue in queues:
        try:
            waiting = wakeups.waiting(queue=queue)
        except RedisAway:
            break
        missing = claimable(queue=queue, most=waiting + most) - waiting
        if missing > 0 and wakeups.publish(queue=queue, count=missing):
            lifecycle.topped_up(queue=queue, count=missing)
            found.append(TopUp(queue=queue, sent=missing))
    return found


def claimable(*, queue: str, most: int) -> int:
    """Claimable jobs in a queue, counted up to `most`."""
    conditions, params = claim.claimable(queue)
    with connection.cursor() as cursor:
        cursor.execute(
            # In order, so that every plan is the walk of one index that stops at the limit.
            f"SELECT COUNT(*) FROM (SELECT 1 FROM jobs_job WHERE {conditions} ORDER BY turn LIMIT %s) AS capped",  # noqa: S608
            [*params, most],
        )
        return int(cursor.fetchone()[0])


def apply_retention() -> int:
    """Ended jobs past their retention are deleted with their attempts and events, and old idempotency keys.

    There are few different retentions, and within one the ends are in the index's order: only due jobs are read.
    """
    IdempotencyKey.objects.filter(created_at__lt=After(-IDEMPOTENCY_S)).delete()
    due: list[UUID] = []
    for retention_s in _retentions_due():
        ended = Job.objects.filter(
            retention_s=retention_s, ended_at__isnull=False, ended_at__lt=After(-retention_s)
        )
        due += ended.order_by("ended_at").values_list("pk", flat=True)[: BATCH - len(due)]
        if len(due) >= BATCH:
            break
    Job.objects.filter(pk__in=due).delete()
    return len(due)


def _retentions_due() -> list[int]:
    """The retentions, in seconds, that the oldest end of has passed: one step in the index for each."""
    before = clock.before_sql("r.s")
    with connection.cursor() as cursor:
        cursor.execute(
            "WITH RECURSIVE r(s) AS ("  # noqa: S608
            " SELECT MIN(retention_s) FROM jobs_job WHERE ended_at IS NOT NULL"
            " UNION ALL SELECT (SELECT MIN(retention_s) FROM jobs_job"
            " WHERE ended_at IS NOT NULL AND retention_s > r.s) FROM r WHERE r.s IS NOT NULL)"
            " SELECT s FROM r WHERE s IS NOT NULL AND (SELECT MIN(ended_at) FROM jobs_job"
            f" WHERE ended_at IS NOT NULL AND retention_s = r.s) < {before}"
        )
        return [int(row[0]) for row in cursor.fetchall()]

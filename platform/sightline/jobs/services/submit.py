"""Accept a job: one transaction, then one wake-up."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction

from sightline.celery import PREPARE, queue_name
from sightline.database import statements
from sightline.errors import Problem
from sightline.events import live
from sightline.jobs import turns, wakeups
from sightline.jobs.models import IdempotencyKey, Job, JobTag
from sightline.jobs.services.events import record
from sightline.telemetry import lifecycle
from sightline.tenants.models import ApiKey, Tenant


@dataclass(frozen=True, kw_only=True)
class Submission:
    """A validated request whose media are stored."""

    tenant: Tenant
    api_key: ApiKey | None
    kind: str
    model: str
    input: dict[str, Any]
    """The kind's input with its media bound."""
    params: dict[str, Any]
    images: list[str]
    """Pixel digests in prompt order."""
    cost: int
    """Relative cost for fair queueing."""
    max_attempts: int
    retention_s: int
    deadline_ms: int | None = None
    to_fetch: int = 0
    """Images that are still to be fetched: above 0, the input is unbound and the job begins in `prepare`."""
    seats: str = ""
    """The kind whose seats it takes; empty: its own."""
    stream: bool = False
    """Its text is read from the first token on."""
    webhook_url: str = ""
    """Told of the job's end, besides the tenant's endpoints."""
    tags: list[str] = field(default_factory=list)
    metadata: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Idempotency:
    """The name that a client gave its request."""

    key: str
    route: str
    body_sha256: str
    """Of the canonical body: the same key with another body is refused."""


@dataclass(frozen=True, kw_only=True)
class Replayed:
    """The first answer to the same request."""

    job: Job | None
    status: int
    response: dict[str, Any]


class IdempotencyMismatch(Problem):
    code, status = "idempotency_mismatch", 422


def replayed(*, tenant: Tenant, idempotency: Idempotency) -> Replayed | None:
    """The first answer under this key, or None when there was none yet."""
    row = (
        IdempotencyKey.objects.select_related("job")
        .filter(tenant=tenant, route=idempotency.route, key=idempotency.key)
        .first()
    )
    if row is None:
        return None
    if row.body_sha256 != idempotency.body_sha256:
        raise IdempotencyMismatch(
            "This Idempotency-Key was used with another body. Use a new key for a new request."
        )
    return Replayed(job=row.job, status=row.status, response=row.response)


def submit(
    *,
    submission: Submission,
    idempotency: Idempotency | None = None,
    render: Callable[[Job], dict[str, Any]] | None = None,
) -> Job | Replayed:
    """Keep the job and wake its queue. Under an idempotency key the answer that `render` makes is kept as well.

    Two requests with one key race on the unique row: the loser's whole transaction is undone, and it answers what
    the winner answered.
    """
    try:
        with transaction.atomic():
            job = _insert(submission)
            if idempotency is not None and render is not None:
                IdempotencyKey.objects.create(
                    tenant=submission.tenant,
                    route=idempotency.route,
                    key=idempotency.key,
                    body_sha256=idempotency.body_sha256,
                    job=job,
                    status=202,
                    response=render(job),
                    created_at=job.created_at,
                )
    except IntegrityError:
        if (
            idempotency is None
            or (first := replayed(tenant=submission.tenant, idempotency=idempotency)) is None
        ):
            raise
        return first
    lifecycle.submitted(job)
    if submission.stream:
        transaction.on_commit(lambda: live.want(job.pk))  # before anybody can begin with it
    transaction.on_commit(lambda: wakeups.publish(queue=job.queue))
    return job


def queue_of(submission: Submission) -> str:
    """Where the job begins."""
    return (
        PREPARE if submission.to_fetch else queue_name(submission.seats or submission.kind, submission.model)
    )


def weight_of(submission: Submission) -> int:
    """What its place in that queue costs."""
    return submission.to_fetch or submission.cost


def row(submission: Submission, *, turn: int, now: datetime) -> Job:
    """The job as it is inserted."""
    deadline = None
    if submission.deadline_ms is not None:
        deadline = now + timedelta(milliseconds=submission.deadline_ms)
    return Job(
        tenant=submission.tenant,
        api_key=submission.api_key,
        kind=submission.kind,
        model=submission.model,
        input=submission.input,
        params=submission.params,
        images=submission.images,
        tags=submission.tags,
        metadata=submission.metadata,
        max_attempts=submission.max_attempts,
        retention_s=submission.retention_s,
        deadline_at=deadline,
        seats=submission.seats,
        queue=queue_of(submission),
        prepared=not submission.to_fetch,
        webhook_url=submission.webhook_url,
        announced=bool(submission.webhook_url) or submission.tenant.has_webhooks,
        turn=turn,
        created_at=now,
    )


def _insert(submission: Submission) -> Job:
    place = turns.take(
        tenant_id=submission.tenant.pk,
        queue=queue_of(submission),
        cost=weight_of(submission),
        weight=submission.tenant.weight,
    )
    job = row(submission, turn=place.turn, now=place.now)
    statements.insert(job)
    if submission.tags:
        JobTag.objects.bulk_create(
            [JobTag(tenant_id=submission.tenant.pk, job_id=job.pk, tag=tag) for tag in submission.tags]
        )
    record(job_id=job.pk, type="job.queued")
    return job

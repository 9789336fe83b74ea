"""Accept a job: one transaction, then one wake-up. A request that was answered before ends in the same transaction."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction

from sightline.cache import l1, lookup
from sightline.cache.values import Found, InFlight, Stale, Wanted
from sightline.celery import PREPARE, queue_name
from sightline.clock import After
from sightline.database import statements
from sightline.errors import Problem
from sightline.events import live
from sightline.jobs import turns, wakeups
from sightline.jobs.models import IdempotencyKey, Job, JobEvent, JobTag
from sightline.jobs.services import followers, hits, links, replays
from sightline.jobs.services.announce import announce
from sightline.jobs.services.events import record
from sightline.jobs.services.hits import LOOKS, Outdated
from sightline.jobs.status import Status
from sightline.sessions.services import appending
from sightline.sessions.values import Seen
from sightline.telemetry import lifecycle
from sightline.tenants import quotas
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
    media: tuple[UUID, ...] = ()
    """The stored images behind them, which are kept for as long as the job is."""
    replay_of: UUID | None = None
    """The job that this one was made from."""
    actor: str = ""
    """Who asked, as the audit names them: a replay is on its record."""
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
    cache_mode: str = ""
    """exact, near or refresh; empty: it asks no cache."""
    cache_ttl_s: int | None = None
    """How old an answer may be; None: the usual."""
    cache: Wanted | None = None
    """What to look for. None without a mode, and while its pictures are not there: then `prepared` looks."""
    session: Seen | None = None
    """What it saw of the session that it goes on from."""
    shadow: bool = False
    """It checks an answer that was given already: no tenant sees it, no webhook hears of it, no quota counts it."""
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
    admit: Callable[[], None] | None = None,
) -> Job | Replayed:
    """Keep the job and wake its queue. Under an idempotency key the answer that `render` makes is kept as well.

    A job that is answered out of the cache comes back ended. One whose request is being answered right now follows
    that job (`source`), and only one that will wait for a seat of its own is asked for by `admit`, which may refuse.

    Two requests with one key race on the unique row: the loser's whole transaction is undone, and it answers what
    the winner answered.
    """
    there = lookup.find(submission.cache) if submission.cache is not None else None
    for more in reversed(range(LOOKS)):
        if admit is not None and not isinstance(there, Found | InFlight):
            admit()
            admit = None
        try:
            with transaction.atomic():
                job = _kept(submission, there)
                if submission.replay_of is not None and not submission.shadow:
                    replays.on_record(made=job, out_of=submission.replay_of, actor=submission.actor)
                if idempotency is not None and render is not None:
                    _remember(idempotency, job, render(job))
            break
        except Outdated:
            # What was found is no longer so. Every turn of this loop means that another submission got ahead.
            if isinstance(there, Found):
                l1.forget(there.key)
            submission = submission if more else replace(submission, cache=None)
            there = lookup.find(submission.cache, fresh=True) if submission.cache is not None else None
        except IntegrityError:
            if (
                idempotency is None
                or (first := replayed(tenant=submission.tenant, idempotency=idempotency)) is None
            ):
                raise
            return first
    _tell(submission, job, there)
    return job


def _tell(submission: Submission, job: Job, there: Found | InFlight | Stale | None) -> None:
    match there:
        case Found():
            lifecycle.answered(job, tier=there.tier)
            transaction.on_commit(partial(_similar_served, submission, there, job))
            return
        case InFlight():
            lifecycle.coalesced(job)
            if submission.stream:
                transaction.on_commit(lambda: live.want(there.leader))
            return
    lifecycle.submitted(job)
    if submission.cache is not None:
        lifecycle.missed(job)
    if submission.stream:
        transaction.on_commit(lambda: live.want(job.pk))  # before anybody can begin with it
    transaction.on_commit(lambda: wakeups.publish(queue=job.queue))


def _similar_served(submission: Submission, found: Found, job: Job) -> None:
    if found.served_from != "cache" and submission.cache is not None:
        for tier in lookup.SIMILAR:
            tier.served(submission.cache, found, job)


def _remember(idempotency: Idempotency, job: Job, response: dict[str, Any]) -> None:
    IdempotencyKey.objects.create(
        tenant_id=job.tenant_id,
        route=idempotency.route,
        key=idempotency.key,
        body_sha256=idempotency.body_sha256,
        job=job,
        status=200 if job.ended else 202,
        response=response,
        created_at=job.created_at,
    )


def queue_of(submission: Submission) -> str:
    """Where the job begins."""
    return (
        PREPARE if submission.to_fetch else queue_name(submission.seats or submission.kind, submission.model)
    )


def weight_of(submission: Submission) -> int:
    """What its place in that queue costs."""
    return submission.to_fetch or submission.cost


def row(submission: Submission, *, turn: int, now: datetime | None = None, **more: Any) -> Job:
    """The job as it is inserted; without `now`, the database says at the insertion what time it is."""
    deadline: datetime | After | None = None
    if submission.deadline_ms is not None:
        seconds = submission.deadline_ms / 1000
        deadline = now + timedelta(seconds=seconds) if now is not None else After(seconds)
    return Job(
        tenant=submission.tenant,
        api_key=submission.api_key,
        kind=submission.kind,
        model=submission.model,
        input=submission.input,
        params=submission.params,
        images=submission.images,
        replay_of=submission.replay_of,
        metered=not submission.shadow
        and quotas.of(submission.tenant, submission.seats or submission.kind).tokens_per_day is not None,
        tags=submission.tags,
        metadata=submission.metadata,
        max_attempts=submission.max_attempts,
        retention_s=submission.retention_s,
        deadline_at=deadline,
        seats=submission.seats,
        queue=queue_of(submission),
        prepared=not submission.to_fetch,
        webhook_url=submission.webhook_url,
        session=submission.session.session_id if submission.session else None,
        session_version=submission.session.version if submission.session else None,
        session_inherited=submission.session.inherited if submission.session else None,
        announced=not submission.shadow and (bool(submission.webhook_url) or submission.tenant.has_webhooks),
        shadow=submission.shadow,
        cache_mode=submission.cache_mode,
        cache_ttl_s=submission.cache_ttl_s,
        turn=turn,
        created_at=now if now is not None else After(),
        **more,
    )


def _kept(submission: Submission, there: Found | InFlight | Stale | None) -> Job:
    """Insert the job, and give it its session's place; one that the cache ends adds to the session at once."""
    job = _place(submission, there)
    if submission.session is not None:
        appending.occupy(seen=submission.session, job_id=job.pk)
        if isinstance(there, Found):
            appending.append(
                seen=submission.session, job_id=job.pk, input=submission.input, output=there.output
            )
    return job


def _place(submission: Submission, there: Found | InFlight | Stale | None) -> Job:
    """Insert the job according to what was found; `Outdated` when that is no longer so."""
    match there:
        case Found():
            job = _answered(submission, there)
        case InFlight():
            job = _following(submission, there)
        case _:
            job = _waiting(submission, there)
    links.keep(job_id=job.pk, media=submission.media)
    if submission.tags:
        JobTag.objects.bulk_create(
            [JobTag(tenant_id=submission.tenant.pk, job_id=job.pk, tag=tag) for tag in submission.tags]
        )
    return job


def _answered(submission: Submission, found: Found) -> Job:
    """A job that ends as it is accepted, with a copy of an answer, if the answer's own job still vouches for it."""
    ttl_s = submission.cache.ttl_s if submission.cache is not None else 0
    job = row(submission, turn=0, **hits.columns(found))
    moments = ("created_at", "ended_at", "deadline_at")
    if not statements.insert(job, only_if=hits.vouched(found, ttl_s=ttl_s), moments=moments):
        raise Outdated
    statements.insert_many(
        [
            JobEvent(job_id=job.pk, type="job.queued", at=job.created_at),
            JobEvent(job_id=job.pk, type=f"job.{Status.SUCCEEDED}", at=job.created_at),
        ]
    )
    announce(ended=job, status=Status.SUCCEEDED)
    return job


def _following(submission: Submission, there: InFlight) -> Job:
    """A job that waits for the answer which is being made for another one."""
    wanted = submission.cache
    exclusive = not there.followed or followers.outranks(queue_of(submission), there.queue)
    if wanted is None or (leader := followers.lock(there, key=wanted.key, exclusive=exclusive)) is None:
        raise Outdated
    job = row(submission, turn=leader.turn, source=there.leader, parked_until=followers.FOLLOWING)
    statements.insert(job, moments=("created_at", "deadline_at"))
    record(job_id=job.pk, type="job.queued", coalesced=True)
    followers.join(leader, job, cost=weight_of(submission), weight=submission.tenant.weight)
    return job


def _waiting(submission: Submission, stale: Stale | None) -> Job:
    """A job that takes its turn; with a key, it is from now on the one that answers for it."""
    place = turns.take(
        tenant_id=submission.tenant.pk,
        queue=queue_of(submission),
        cost=weight_of(submission),
        weight=submission.tenant.weight,
    )
    wanted = submission.cache
    if wanted is None:
        job = row(submission, turn=place.turn, now=place.now)
        statements.insert(job)
    else:
        if isinstance(stale, Stale):
            statements.update(Job, where={"id": stale.holder, "cache_key": wanted.key}, cache_key=None)
        job = row(submission, turn=place.turn, now=place.now, cache_key=wanted.key)
        if not statements.insert(job, unless_taken="cache_key"):
            raise Outdated
        if wanted.mode == "near":
            for tier in lookup.SIMILAR:
                tier.keep(wanted, job)
    record(job_id=job.pk, type="job.queued")
    return job

"""Identical jobs that wait for one answer: the leader is done, its followers get what it gets.

A follower is a queued job with a `source`: the leader. It is parked for good, so no claim, no wake-up and no count of
what waits ever sees it. Whoever ends the leader also settles its followers, in the same transaction: they get its
answer, or the first of them takes its place. Nothing is left to be done after a commit, so nothing can be lost.

A follower joins under a lock on the leader's row, and the leader's end takes that lock too: either the end sees the
follower, or the follower sees the end. Locks are always taken leader first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from sightline import clock
from sightline.cache.values import InFlight
from sightline.clock import After
from sightline.database import statements
from sightline.events import notify
from sightline.jobs import turns, wakeups
from sightline.jobs.claims import Result
from sightline.jobs.models import Attempt, Job, JobEvent
from sightline.jobs.services.announce import announce
from sightline.jobs.services.events import record
from sightline.jobs.services.quarantine import block_media
from sightline.jobs.status import ACTIVE, Status
from sightline.jobs.storable import storable
from sightline.sessions.services import appending as sessions
from sightline.telemetry import lifecycle
from sightline.tenants.models import Tenant

FOLLOWING = datetime(9000, 1, 1, tzinfo=UTC)
"""`parked_until` of a follower: no backoff ends then."""
FOLLOWING_EVENT = "job.following"
"""Names in its data whose attempt a follower hears from there on: `leader`, and its `fence` once one runs."""
NO_USAGE = {"input_tokens": 0, "image_tokens": 0, "output_tokens": 0}
"""What a job used that no engine worked for."""
LEFT = ("id", "tenant_id", "queue", "turn", "suspect", "cache_key", "followed")
"""The columns of a leader that `leave` reads."""
_CLASSES = ("gui", "chat", "ocr")
"""Whose seats, the quickest first."""


@dataclass(frozen=True, kw_only=True)
class Leader:
    """A job in flight whose row is locked."""

    id: UUID
    tenant_id: UUID
    queued: bool
    queue: str
    turn: int
    followed: bool
    fence: int


def outranks(queue: str, other: str) -> bool:
    """Do jobs of one queue take better seats than those of another? A queue of suspects is left as it is."""
    mine, its = queue.partition(".")[0], other.partition(".")[0]
    return mine in _CLASSES and its in _CLASSES and _CLASSES.index(mine) < _CLASSES.index(its)


def lock(there: InFlight, *, key: str, exclusive: bool) -> Leader | None:
    """Lock the leader against its end; None when it ended or does not answer for the key any more.

    Shared by default, so that hundreds can join at once; `exclusive` for who will change the leader's row. The one
    must not become the other: two that wait for each other would be a deadlock.
    """
    postgres = connection.vendor == "postgresql"
    columns = "tenant_id, status, queue, turn, followed, fence"
    how = ("FOR UPDATE" if exclusive else "FOR SHARE") if postgres else ""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {columns} FROM jobs_job WHERE id = %s AND cache_key = %s {how}",  # noqa: S608
            [str(there.leader) if postgres else there.leader.hex, key],
        )
        row = cursor.fetchone()
    if row is None or row[1] not in ACTIVE or (row[4], exclusive) == (False, False):
        return None
    tenant_id, status, queue, turn, followed, fence = row
    return Leader(
        id=there.leader,
        tenant_id=tenant_id if isinstance(tenant_id, UUID) else UUID(tenant_id),
        queued=status == Status.QUEUED,
        queue=queue,
        turn=turn,
        followed=bool(followed),
        fence=int(fence),
    )


def join(leader: Leader, job: Job, *, cost: int, weight: int) -> None:
    """Tell a locked leader that `job` follows it. A waiting leader gets the better of both places."""
    changes: dict[str, Any] = {} if leader.followed else {"followed": True}
    better = outranks(job.queue, leader.queue)
    same = job.queue == leader.queue and job.tenant_id != leader.tenant_id
    if leader.queued and (better or same):
        place = turns.take(tenant_id=job.tenant_id, queue=job.queue, cost=cost, weight=weight)
        if better:
            changes |= {"queue": job.queue, "turn": place.turn}
            transaction.on_commit(lambda: wakeups.publish(queue=job.queue))
        elif place.turn < leader.turn:
            changes["turn"] = place.turn
    if changes:
        statements.update(Job, where={"id": leader.id}, **changes)
    record(
        job_id=job.pk,
        type=FOLLOWING_EVENT,
        leader=leader.id.hex,
        fence=None if leader.queued else leader.fence,
    )


def hear(followers: Sequence[UUID], *, leader: UUID, fence: int | None) -> None:
    """From now on these are told what the leader's attempt says (`api.native.history`); None: none runs yet."""
    if not followers:
        return
    data = {"leader": leader.hex, "fence": fence}
    now = clock.now()
    statements.insert_many(
        [JobEvent(job_id=pk, type=FOLLOWING_EVENT, run=0, at=now, data=data) for pk in followers]
    )


def hear_claimed(*, leader: UUID, fence: int) -> None:
    """An attempt of a leader begins: whoever follows it hears that one. Call it in the claim's transaction."""
    waiting = Job.objects.filter(source=leader, status=Status.QUEUED)
    hear(list(waiting.values_list("pk", flat=True)), leader=leader, fence=fence)


def answer(*, leader: UUID, status: Status, result: Result) -> None:
    """Give every follower of a job that ends with output the same; call it in the transaction of that end."""
    _end(
        leader,
        status,
        output=storable(result.output),
        finish_reason=result.finish_reason[:20],
        served_from="coalesced",
        usage=dict(NO_USAGE),
        source_ended_at=After(),
    )


def leave(*, left: Job, status: Status, error: dict[str, Any] | None = None) -> None:
    """A job ended without output: the first of its followers takes its place, with tries of its own.

    Call it in the transaction of that end, with the row as it was before (`LEFT`) and no key on it any more. What
    killed engines is not tried again by those who ask the very same: they are quarantined with it.
    """
    if not left.followed:
        return
    if status is Status.QUARANTINED:
        for job in _end(left.pk, status, error=error):
            block_media(job_id=job.pk, reason=str((error or {}).get("message", ""))[:300])
        return
    _promote(left)


def hand_over(*, left: Job) -> Job | None:
    """A running job is cancelled, and others want its answer: the first of them takes the attempt over as it is.

    The worker finds out by itself (`inherit`). None: nobody follows any more, and the attempt is to be stopped.
    """
    heir, others = _first(left)
    if heir is None:
        return None
    before = Attempt.objects.get(job_id=left.pk, run=left.run)
    run, fence = heir.run + 1, heir.fence + 1
    Job.objects.filter(pk=heir.pk).update(
        status=Status.RUNNING,
        parked_until=None,
        source=left.source or left.pk,  # what the worker holds is the first one's claim
        followed=others,
        cache_key=left.cache_key,
        queue=left.queue,
        suspect=left.suspect,
        run=run,
        fence=fence,
        worker=left.worker,
        group=left.group,
        lease_until=left.lease_until,
        claimed_at=After(),
    )
    statements.insert(
        Attempt(
            job_id=heir.pk,
            run=run,
            fence=fence,
            worker=before.worker,
            group=before.group,
            engine=before.engine,
            celery_task_id=before.celery_task_id,
            started_at=After(),
        )
    )
    held = left.source or left.pk
    spoken = Attempt.objects.filter(job_id=held).order_by("-run").values_list("fence", flat=True)[0]
    # The worker goes on under the claim that it holds, and so does the text.
    record(
        job_id=heir.pk,
        type="job.started",
        run=run,
        actor=left.worker,
        inherited=True,
        leader=held.hex,
        fence=spoken,
    )
    lifecycle.promoted(heir, left=left)
    return heir


def release_orphans() -> int:
    """Followers whose leader is not in flight any more become jobs of their own.

    There are none: every end settles its followers. Should an operator delete a leader's row by hand, nobody waits
    for it for ever.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE jobs_job SET source = NULL, parked_until = NULL WHERE status = 'queued' AND source IS NOT NULL"
            " AND NOT EXISTS (SELECT 1 FROM jobs_job l WHERE l.id = jobs_job.source"
            " AND l.status IN ('queued', 'running'))"
        )
        return int(cursor.rowcount)


def _promote(left: Job) -> None:
    heir, others = _first(left)
    if heir is None:
        return
    queue, turn = left.queue, left.turn
    if not left.suspect and heir.queue != left.queue:
        weight = Tenant.objects.values_list("weight", flat=True).get(pk=heir.tenant_id)
        queue = heir.queue
        turn = turns.take(tenant_id=heir.tenant_id, queue=queue, cost=1, weight=weight).turn
    Job.objects.filter(pk=heir.pk).update(
        source=None,
        parked_until=None,
        followed=others,
        cache_key=left.cache_key,
        queue=queue,
        turn=turn,
        suspect=left.suspect,
    )
    record(job_id=heir.pk, type="job.promoted")
    if others:
        following = Job.objects.filter(source=heir.pk, status=Status.QUEUED)
        hear(list(following.values_list("pk", flat=True)), leader=heir.pk, fence=None)
    lifecycle.promoted(heir, left=left)
    transaction.on_commit(lambda: wakeups.publish(queue=queue))


def _first(left: Job) -> tuple[Job | None, bool]:
    """The follower that comes first, by class and then by age, and whether others follow it from now on."""
    waiting = list(
        Job.objects.select_for_update()
        .filter(source=left.pk, status=Status.QUEUED)
        .order_by("id")
        .only("id", "tenant_id", "kind", "queue", "run", "fence")
    )
    if not waiting:
        return None, False
    heir = waiting[0]
    for job in waiting:
        if outranks(job.queue, heir.queue):
            heir = job
    others = Job.objects.filter(source=left.pk, status=Status.QUEUED).exclude(pk=heir.pk)
    return heir, bool(others.update(source=heir.pk))


def _end(leader: UUID, status: Status, **changes: Any) -> list[Job]:
    """End all followers of a locked leader in the same way."""
    following = Job.objects.filter(source=leader, status=Status.QUEUED)
    jobs = list(
        following.select_for_update()
        .order_by("id")
        .only(
            "id",
            "tenant_id",
            "kind",
            "model",
            "run",
            "announced",
            "webhook_url",
            "session",
            "session_version",
            "session_inherited",
        )
    )
    if not jobs:
        return jobs
    now = clock.now()
    following.update(status=status, parked_until=None, ended_at=now, **changes)
    statements.insert_many(
        [JobEvent(job_id=job.pk, type=f"job.{status}", run=job.run, at=now) for job in jobs]
    )
    for job in jobs:
        announce(ended=job, status=status)
        if status is Status.SUCCEEDED and job.session is not None:
            sessions.append_of(job, output=changes["output"])
    transaction.on_commit(lambda: _tell(jobs, status))
    return jobs


def _tell(jobs: list[Job], status: Status) -> None:
    lifecycle.followers_ended(jobs, status=status)
    notify.ended_all(job_ids=[job.pk for job in jobs], status=status)

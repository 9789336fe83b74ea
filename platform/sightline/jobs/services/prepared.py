"""Hand a prepared job on: its media are there and bound, and it takes its turn in its kind's queue.

Only now is it known whether its request was answered before, so the cache is asked here.
"""

from collections.abc import Callable
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Exists

from sightline.cache import l1, lookup
from sightline.cache.values import Found, InFlight, Stale, Wanted
from sightline.celery import queue_name
from sightline.clock import After
from sightline.events import notify
from sightline.jobs import turns, wakeups
from sightline.jobs.claims import Claim
from sightline.jobs.models import Attempt, Job
from sightline.jobs.services import followers, hits, links
from sightline.jobs.services.announce import announce
from sightline.jobs.services.events import record
from sightline.jobs.services.hits import LOOKS, Outdated
from sightline.jobs.status import AttemptOutcome, Status
from sightline.sessions.services import appending as sessions
from sightline.telemetry import lifecycle
from sightline.tenants.models import Tenant

There = Found | InFlight | Stale | None


def prepared(
    *,
    claim: Claim,
    input: dict[str, Any],
    images: list[str],
    cost: int,
    timings: dict[str, float],
    want: Callable[..., Wanted | None] | None = None,
) -> Status | None:
    """Move the job from `prepare` to the queue of its kind, with its bound input and the digests of its pixels.

    One fenced transition, and the status that it led to: `succeeded` for a job that the cache answers. None: fenced
    off, cancelled meanwhile, say. The tries at fetching are not the engine's: the counters start anew. `want` says
    what to look for, given the job's `mode` and `ttl_s`; None asks no cache.
    """
    mode, ttl_s = Job.objects.values_list("cache_mode", "cache_ttl_s").filter(pk=claim.job_id).first() or (
        "",
        None,
    )
    wanted = want(mode=mode, ttl_s=ttl_s) if want is not None and mode else None
    there = lookup.find(wanted) if wanted is not None else None
    job: Job | None = None
    for more in reversed(range(LOOKS)):
        try:
            with transaction.atomic():
                job = _move(claim, wanted, there, input, images, cost)
                if job is None:
                    return None
                _note(claim, input, images, timings)
                if isinstance(there, Found):
                    record(job_id=claim.job_id, type=f"job.{Status.SUCCEEDED}", run=claim.run)
                    announce(ended=claim, status=Status.SUCCEEDED)
                    job.input = input
                    sessions.append_of(job, output=there.output)
            break
        except (Outdated, IntegrityError):
            # The key was taken meanwhile, or what was found is no longer there.
            if not more:
                raise
            if isinstance(there, Found):
                l1.forget(there.key)
            wanted = wanted if more > 1 else None
            there = lookup.find(wanted, fresh=True) if wanted is not None else None
    lifecycle.prepared(claim, timings=timings)
    return _tell(job, wanted, there) if job is not None else None


def _tell(job: Job, wanted: Wanted | None, there: There) -> Status:
    match there:
        case Found():
            lifecycle.answered(job, tier=there.tier)
            notify.ended(job_id=job.pk, status=Status.SUCCEEDED)
            return Status.SUCCEEDED
        case InFlight():
            lifecycle.coalesced(job)
        case _ if wanted is not None:
            lifecycle.missed(job)
    return Status.QUEUED


def _note(claim: Claim, input: dict[str, Any], images: list[str], timings: dict[str, float]) -> None:
    Attempt.objects.filter(job_id=claim.job_id, run=claim.run).update(
        outcome=AttemptOutcome.SUCCEEDED, ended_at=After(), timings=timings, phase="prepare"
    )
    links.keep_bound(job_id=claim.job_id, tenant_id=claim.tenant_id, input=input)
    record(job_id=claim.job_id, type="job.prepared", run=claim.run, images=len(images))


def _move(
    claim: Claim, wanted: Wanted | None, there: There, input: dict[str, Any], images: list[str], cost: int
) -> Job | None:
    """The job where it belongs now; None when the claim does not hold it any more. `Outdated`: look again."""
    held = Job.objects.select_for_update().filter(pk=claim.job_id, fence=claim.fence, status=Status.RUNNING)
    job = held.only(
        "id", "tenant_id", "kind", "model", "seats", "session", "session_version", "session_inherited"
    ).first()
    if job is None:  # before a turn is spent on it
        return None
    changes: dict[str, Any] = {"prepared": True, "input": input, "images": images, "lease_until": None}
    row = Job.objects.filter(pk=job.pk)
    if isinstance(there, Found) and wanted is not None:
        job.source = there.source
        vouching = Job.objects.filter(
            pk=there.source,
            cache_key=there.key,
            status=Status.SUCCEEDED,
            ended_at__gte=After(-wanted.ttl_s),
        )
        if not row.filter(Exists(vouching)).update(**changes, **hits.columns(there)):
            raise Outdated
        return job
    queue = queue_name(job.seats or claim.kind, claim.model)
    weight = Tenant.objects.values_list("weight", flat=True).get(pk=claim.tenant_id)
    changes |= {"status": Status.QUEUED, "queue": queue, "tries": 0, "crashes": 0}
    if isinstance(there, InFlight) and wanted is not None:
        exclusive = not there.followed or followers.outranks(queue, there.queue)
        leader = followers.lock(there, key=wanted.key, exclusive=exclusive)
        if leader is None:
            raise Outdated
        job.source, job.queue = there.leader, queue
        row.update(**changes, turn=leader.turn, source=there.leader, parked_until=followers.FOLLOWING)
        followers.join(leader, job, cost=cost, weight=weight)
        return job
    if isinstance(there, Stale) and wanted is not None:
        Job.objects.filter(pk=there.holder, cache_key=wanted.key).update(cache_key=None)
    place = turns.take(tenant_id=claim.tenant_id, queue=queue, cost=cost, weight=weight)
    row.update(**changes, turn=place.turn, cache_key=wanted.key if wanted is not None else None)
    if wanted is not None and wanted.mode == "near":
        for tier in lookup.SIMILAR:
            tier.keep(wanted, job)
    transaction.on_commit(lambda: wakeups.publish(queue=queue))
    return job

"""What becomes of a job whose attempt did not bring a result."""

import hashlib
import random
import re
from typing import Any

from django.conf import settings
from django.db import transaction

from sightline.celery import PREPARE, probation_queue
from sightline.clock import After
from sightline.events import notify
from sightline.jobs.claims import Claim, Failure
from sightline.jobs.models import Attempt, Job
from sightline.jobs.services import followers
from sightline.jobs.services.announce import announce
from sightline.jobs.services.events import record
from sightline.jobs.services.quarantine import block_media
from sightline.jobs.status import AttemptOutcome, Status
from sightline.jobs.storable import storable
from sightline.telemetry import lifecycle
from sightline.triage import causes

SOLO_KILLS = 2
"""Engines that a job may kill while it runs alone before it is quarantined."""
_LONGEST_BACKOFF_S = 60.0
_RELEASE_PAUSE_S = 0.5
_LAPSES_TO_SUSPECT = 3
"""A worker dies for many reasons; an engine that dies names its jobs. So a lapsed lease is weaker evidence."""


def backoff_s(tries: int) -> float:
    """Exponential with jitter: half to one and a half times `BACKOFF_S` doubled for each try, a minute at most."""
    jitter = random.uniform(0.5, 1.5)  # noqa: S311
    doubled: float = settings.BACKOFF_S * 2.0 ** max(0, tries - 1)
    return min(_LONGEST_BACKOFF_S, doubled * jitter)


def fingerprint(failure: Failure) -> str:
    """Groups failures of one cause: type, phase, message without its particulars, our own frames."""
    message = re.sub(r"0x[0-9a-f]+|[0-9a-f]{8,}|\d+", "#", failure.message.lower())[:300]
    frames = [re.sub(r":\d+", "", frame) for frame in failure.frames]
    text = "|".join([failure.error_type, failure.code, failure.phase, message, *frames])
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()[:16]


def fail(*, claim: Claim, failure: Failure, lapsed: bool = False) -> Status | None:
    """Queue the job again or end it; the status it has then, None when fenced off.

    `lapsed` tells a crash that the sweeper found (the worker is gone) from one that the worker saw (the engine is).
    """
    change = _decide(claim, failure, lapsed)
    status: Status = change["status"]
    mark = fingerprint(failure)
    with transaction.atomic():
        held = Job.objects.filter(pk=claim.job_id, fence=claim.fence, status=Status.RUNNING)
        if lapsed:  # a late renewal may have saved the lease since the sweeper read the row
            held = held.filter(lease_until__lt=After())
        # Locked and read before its key is gone: who follows it takes its place below.
        left = None if status is Status.QUEUED else held.select_for_update().only(*followers.LEFT).first()
        # A running job with a source inherited its attempt; queued again, it is a job of its own.
        if not held.update(lease_until=None, source=None, **change):
            return None
        Attempt.objects.filter(job_id=claim.job_id, run=claim.run).update(
            outcome=failure.outcome,
            ended_at=After(),
            timings=failure.timings or None,
            phase=failure.phase[:20],
            error_type=failure.error_type[:100],
            error_code=failure.code[:50],
            message=storable(failure.message[:4000]),
            frames=storable(list(failure.frames)),
            said=storable(list(failure.said)) or None,
            fingerprint="" if failure.outcome is AttemptOutcome.RELEASED else mark,
        )
        if failure.outcome is not AttemptOutcome.RELEASED:
            causes.note_failure(claim=claim, fingerprint=mark)
        if status is Status.QUEUED:
            record(
                job_id=claim.job_id,
                type="job.attempt_failed",
                run=claim.run,
                code=failure.code,
                outcome=failure.outcome,
            )
        else:
            record(job_id=claim.job_id, type=f"job.{status}", run=claim.run, code=failure.code)
            announce(ended=claim, status=status)
            if status is Status.QUARANTINED:
                block_media(job_id=claim.job_id, reason=storable(failure.message[:300]))
            if left is not None:
                followers.leave(left=left, status=status, error=change["error"])
    lifecycle.failed(claim, failure, status=status)
    if status is not Status.QUEUED:
        notify.ended(job_id=claim.job_id, status=status)
    return status


def _decide(claim: Claim, failure: Failure, lapsed: bool) -> dict[str, Any]:
    match failure.outcome:
        case AttemptOutcome.PERMANENT:
            return _ended(Status.FAILED, failure)
        case AttemptOutcome.EXPIRED:
            return _ended(Status.EXPIRED, failure)
        case AttemptOutcome.RELEASED:
            pause = failure.retry_after_s if failure.retry_after_s is not None else _RELEASE_PAUSE_S
            return {"status": Status.QUEUED, "parked_until": After(pause) if pause else None}
        case AttemptOutcome.TRANSIENT:
            tries = claim.tries + 1
            if tries >= claim.max_attempts:
                return {"tries": tries, **_ended(Status.FAILED, failure)}
            pause = max(backoff_s(tries), failure.retry_after_s or 0.0)
            return {"tries": tries, "status": Status.QUEUED, "parked_until": After(pause)}
        case AttemptOutcome.CRASH:
            return _crashed(claim, failure, lapsed)
        case _:
            raise ValueError(f"{failure.outcome} is no failure")


def _crashed(claim: Claim, failure: Failure, lapsed: bool) -> dict[str, Any]:
    crashes = claim.crashes + 1
    # A lapse says that the worker died, not the engine: an unlucky suspect is not quarantined for it.
    solo_kills = claim.solo_kills + (1 if claim.suspect and not lapsed else 0)
    counters = {"crashes": crashes, "solo_kills": solo_kills}
    if solo_kills >= SOLO_KILLS:
        return {**counters, **_ended(Status.QUARANTINED, failure)}
    if crashes >= settings.MAX_CRASHES:
        return {**counters, **_ended(Status.FAILED, failure)}
    if claim.queue == PREPARE:
        # No engine was near: it is nobody's suspect, and probation is for jobs that an engine could run.
        return {**counters, "status": Status.QUEUED, "parked_until": After(backoff_s(crashes))}
    if claim.suspect or not lapsed or crashes >= _LAPSES_TO_SUSPECT:
        return {**counters, "status": Status.QUEUED, "suspect": True, "queue": probation_queue(claim.model)}
    return {**counters, "status": Status.QUEUED}


def _ended(status: Status, failure: Failure) -> dict[str, Any]:
    error = {
        "code": failure.code,
        "message": storable(failure.message[:4000]),
        "retryable": failure.outcome is not AttemptOutcome.PERMANENT,
    }
    if failure.pointer:
        error["pointer"] = failure.pointer[:300]
    return {"status": status, "ended_at": After(), "cache_key": None, "error": error}

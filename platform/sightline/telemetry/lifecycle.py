"""What a job's life leaves in the log and in the counters, in one place: `event=… job=… kind=… attempt=…`.

Called by the services after their transaction, so that nothing is told that did not happen.
"""

import logging
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sightline import ids
from sightline.batches.models import Batch
from sightline.jobs.claims import LEASE_LAPSED, Claim, Failure
from sightline.jobs.models import Job
from sightline.jobs.status import TERMINAL, AttemptOutcome, Status
from sightline.telemetry import metrics

_PLAIN = re.compile(r"[^\s\"'=\x00-\x1f\x7f]+")

log = logging.getLogger("sightline.jobs")


def _line(event: str, job: str, kind: str, attempt: int, **more: Any) -> str:
    fields = {"event": event, "job": job, "kind": kind, "attempt": attempt, **more}
    return " ".join(f"{key}={_value(value)}" for key, value in fields.items())


def _value(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.1f}"
    text = str(value)
    # A message comes from elsewhere: quoted, it can neither start a line nor pass for another field.
    return text if _PLAIN.fullmatch(text) else repr(text)


def _public(job_id: UUID | None) -> str:
    return ids.encode(ids.JOB, job_id) if job_id is not None else "-"


def submitted(job: Job) -> None:
    log.info(
        _line("submitted", job.public_id, job.kind, 0, tenant=job.tenant_id, queue=job.queue, turn=job.turn)
    )


def submitted_many(jobs: Sequence[Job]) -> None:
    """One line for jobs that came together: their first and their last one."""
    first, last = jobs[0], jobs[-1]
    log.info(
        _line(
            "submitted_many",
            first.public_id,
            first.kind,
            0,
            last=last.public_id,
            count=len(jobs),
            tenant=first.tenant_id,
            queue=first.queue,
        )
    )


def batch(row: Batch, event: str, **more: Any) -> None:
    """A step in the life of a batch; its jobs have their own lines."""
    fields = {"event": event, "batch": row.public_id, "tenant": row.tenant_id, **more}
    log.info(" ".join(f"{key}={_value(value)}" for key, value in fields.items()))


def answered(job: Job, *, tier: str) -> None:
    """It ended as it came: the answer was there."""
    log.info(
        _line(
            "answered",
            job.public_id,
            job.kind,
            0,
            tenant=job.tenant_id,
            tier=tier,
            source=_public(job.source),
        )
    )
    metrics.observe_ended(kind=job.kind, tag=job.model, status=Status.SUCCEEDED, cache=tier)


def coalesced(job: Job) -> None:
    """It waits for the answer of another job."""
    log.info(_line("coalesced", job.public_id, job.kind, 0, tenant=job.tenant_id, leader=_public(job.source)))
    metrics.count("sightline_cache_total", kind=job.kind, outcome="coalesced")


def missed(job: Job) -> None:
    """Nothing was there; it will answer for its request."""
    metrics.count("sightline_cache_total", kind=job.kind, outcome="miss")


def near_false(*, job: Job, source: UUID, shadow: Job) -> None:
    """The engine does not give the answer that the near cache gave."""
    where = {"source": _public(source), "shadow": shadow.public_id}
    log.error(_line("near_false_hit", job.public_id, job.kind, 0, tenant=job.tenant_id, **where))


def near_off(*, kind: str, tag: str, false: int, checked: int) -> None:
    """More false hits than the budget allows: none are served any more."""
    log.error(_line("near_off", "-", kind, 0, tag=tag, false=false, checked=checked))


def promoted(job: Job, *, left: Job) -> None:
    """A follower takes the place of its leader, which ended without an answer."""
    log.info(_line("promoted", job.public_id, job.kind, job.run, leader=left.public_id))


def followers_ended(jobs: Sequence[Job], *, status: Status) -> None:
    """Jobs that ended with their leader."""
    for job in jobs:
        log.info(_line("ended", job.public_id, job.kind, job.run, status=status, coalesced=True))
    counts = Counter((job.kind, job.model) for job in jobs)
    for (kind, tag), count in counts.items():
        metrics.count("sightline_jobs_total", count, kind=kind, tag=tag, status=status)


def started(claim: Claim, *, worker: str) -> None:
    log.info(
        _line(
            "started",
            claim.public_id,
            claim.kind,
            claim.run,
            worker=worker,
            fence=claim.fence,
            queued_ms=claim.queued_ms,
        )
    )


def prepared(claim: Claim, *, timings: dict[str, float]) -> None:
    log.info(
        _line("prepared", claim.public_id, claim.kind, claim.run, prepare_ms=timings.get("prepare", 0.0))
    )
    metrics.count_attempt(outcome=AttemptOutcome.SUCCEEDED, group=claim.group)


def ended(claim: Claim, *, status: Status, timings: dict[str, float], usage: dict[str, int]) -> None:
    log.info(
        _line(
            "ended",
            claim.public_id,
            claim.kind,
            claim.run,
            status=status,
            total_ms=timings.get("total", 0.0),
            output_tokens=usage.get("output_tokens", 0),
        )
    )
    metrics.observe_ended(
        kind=claim.kind,
        tag=claim.model,
        status=status,
        queue_wait_s=claim.queued_ms / 1000,
        run_s=timings.get("total", 0.0) / 1000,
        attempt=(AttemptOutcome(status), claim.group),
    )


def failed(claim: Claim, failure: Failure, *, status: Status) -> None:
    log.warning(
        _line(
            "attempt_failed",
            claim.public_id,
            claim.kind,
            claim.run,
            outcome=failure.outcome,
            code=failure.code,
            status=status,
            message=failure.message[:200],
        )
    )
    if status in TERMINAL:
        attempt = (str(failure.outcome), claim.group)
        metrics.observe_ended(kind=claim.kind, tag=claim.model, status=status, attempt=attempt)
    else:
        metrics.count_attempt(outcome=failure.outcome, group=claim.group)
    if failure.code == LEASE_LAPSED:
        metrics.count("sightline_leases_reclaimed_total", kind=claim.kind)


def fenced_off(claim: Claim) -> None:
    log.warning(_line("fenced_off", claim.public_id, claim.kind, claim.run, fence=claim.fence))


def cancelled(job: Job, *, actor: str) -> None:
    log.info(_line("cancelled", job.public_id, job.kind, job.run, actor=actor))
    metrics.observe_ended(kind=job.kind, tag=job.model, status=Status.CANCELLED)


def retried(job: Job, *, actor: str) -> None:
    log.info(_line("retried", job.public_id, job.kind, job.run, actor=actor))


def expired(job: Job) -> None:
    log.info(_line("expired", job.public_id, job.kind, job.run))
    metrics.observe_ended(kind=job.kind, tag=job.model, status=Status.EXPIRED)


def topped_up(*, queue: str, count: int) -> None:
    log.info("event=topped_up queue=%s count=%d", queue, count)
    metrics.count("sightline_wakeups_topped_up_total", count, queue=queue)


def seats_changed(*, group: str, seats: Mapping[str, int], actor: str) -> None:
    shown = ",".join(f"{kind}:{count}" for kind, count in seats.items())
    log.info("event=seats_changed group=%s seats=%s actor=%s", group, shown, actor)

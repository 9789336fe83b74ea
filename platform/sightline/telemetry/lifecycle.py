"""Every line that a job's life writes to the log, in one place: `event=… job=… kind=… attempt=…`."""

import logging
from typing import Any
from uuid import UUID

from sightline import ids
from sightline.jobs.claims import Claim, Failure
from sightline.jobs.models import Job
from sightline.jobs.status import Status

log = logging.getLogger("sightline.jobs")


def _line(event: str, job: str, kind: str, attempt: int, **more: Any) -> str:
    fields = {"event": event, "job": job, "kind": kind, "attempt": attempt, **more}
    return " ".join(f"{key}={_value(value)}" for key, value in fields.items())


def _value(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.1f}"
    text = str(value)
    return repr(text) if " " in text or not text else text


def submitted(job: Job) -> None:
    log.info(_line("submitted", job.public_id, job.kind, 0, tenant=job.tenant_id, queue=job.queue, turn=job.turn))


def started(claim: Claim, *, worker: str) -> None:
    log.info(
        _line("started", claim.public_id, claim.kind, claim.run, worker=worker, fence=claim.fence, queued_ms=claim.queued_ms)
    )


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


def fenced_off(claim: Claim) -> None:
    log.warning(_line("fenced_off", claim.public_id, claim.kind, claim.run, fence=claim.fence))


def cancelled(job: Job, *, actor: str) -> None:
    log.info(_line("cancelled", job.public_id, job.kind, job.run, actor=actor))


def retried(job: Job, *, actor: str) -> None:
    log.info(_line("retried", job.public_id, job.kind, job.run, actor=actor))


def expired(job_id: UUID) -> None:
    log.info("event=expired job=%s", ids.encode(ids.JOB, job_id))


def topped_up(*, queue: str, count: int) -> None:
    log.info("event=topped_up queue=%s count=%d", queue, count)

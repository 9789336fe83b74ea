"""A job as the API shows it."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from sightline import ids
from sightline.jobs import eta
from sightline.jobs.models import Attempt, Job
from sightline.jobs.status import Status

BASE = "/api/v1"


def moment(value: datetime | None) -> str | None:
    """RFC 3339 in UTC with milliseconds: 2026-10-01T09:00:00.000Z."""
    if value is None:
        return None
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{value.microsecond // 1000:03d}Z"


def path(job: Job) -> str:
    """Where the job is read."""
    return f"{BASE}/jobs/{job.public_id}"


def summary(job: Job) -> dict[str, Any]:
    """What every form of a job holds: identity, status and times, without input and output."""
    here = path(job)
    return {
        "id": job.public_id,
        "object": "job",
        "kind": job.kind,
        "model": job.model,
        "status": str(job.status),
        "attempt": job.run,
        "max_attempts": job.max_attempts,
        "served_from": job.served_from or None,
        "cache": cached(job),
        "finish_reason": job.finish_reason or None,
        "error": job.error,
        "tags": job.tags,
        "metadata": job.metadata,
        "created_at": moment(job.created_at),
        "started_at": moment(job.claimed_at),
        "ended_at": moment(job.ended_at),
        "expires_at": moment(job.deadline_at),
        "retention_s": job.retention_s,
        "replay_of": ids.encode(ids.JOB, job.replay_of) if job.replay_of else None,
        "session": in_session(job),
        "links": {
            "self": here,
            "events": f"{here}/events",
            "explain": f"{here}/explain",
            "cancel": f"{here}/cancel",
            "retry": f"{here}/retry",
            "replay": f"{here}/replay",
        },
    }


def in_session(job: Job) -> dict[str, Any] | None:
    """The session that it goes on from, and the version of it that it saw."""
    if job.session is None:
        return None
    return {"id": ids.encode(ids.SESSION, job.session), "version": job.session_version}


def cached(job: Job) -> dict[str, Any]:
    """How it used earlier answers, and the age of the one that it got when it got it."""
    age_s = None
    if job.source_ended_at is not None and job.ended_at is not None:
        age_s = round(max(0.0, (job.ended_at - job.source_ended_at).total_seconds()), 3)
    return {"mode": job.cache_mode or "off", "age_s": age_s}


def accepted(job: Job) -> dict[str, Any]:
    """A job as the answer to its submission."""
    return {**summary(job), "queue": place(job)}


def full(job: Job, *, attempts: Iterable[Attempt]) -> dict[str, Any]:
    """A job with all that is known of it."""
    shown = summary(job)
    if job.status == Status.QUEUED:
        shown["queue"] = place(job)
    shown["input"] = job.input
    shown["params"] = job.params
    if job.ended:
        shown |= {"output": job.output, "usage": job.usage, "timings_ms": job.timings}
    shown["attempts"] = [attempt_view(attempt) for attempt in attempts]
    return shown


def attempt_view(attempt: Attempt) -> dict[str, Any]:
    """One run of a job. Stack frames and engine addresses are for operators, in the admin."""
    failed = bool(attempt.error_code)
    return {
        "run": attempt.run,
        "outcome": str(attempt.outcome),
        "worker": attempt.worker.partition("#")[0],
        "started_at": moment(attempt.started_at),
        "ended_at": moment(attempt.ended_at),
        "timings_ms": attempt.timings,
        "error": {
            "code": attempt.error_code,
            "message": attempt.message,
            "fingerprint": attempt.fingerprint or None,
        }
        if failed
        else None,
    }


def upload(row: Any) -> dict[str, Any]:
    """A stored image."""
    return {
        "id": ids.encode(ids.UPLOAD, row.pk),
        "object": "upload",
        "sha256": row.sha256,
        "mime": row.mime,
        "bytes": row.bytes,
        "width": row.width,
        "height": row.height,
        "created_at": moment(row.created_at),
    }


def place(job: Job) -> dict[str, Any]:
    """Position from 1 (null: beyond what is counted) and the interval of the ETA (null: nobody can tell)."""
    ahead = eta.ahead(job)
    known = eta.eta_ms(job, ahead)
    return {"position": None if ahead is None else ahead + 1, "eta_ms": list(known) if known else None}

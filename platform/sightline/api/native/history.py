"""A job's transitions as its event stream tells them."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from django.db import close_old_connections
from django.db.models import Count

from sightline.api.native.representation import moment, path, place
from sightline.events.stream import History, Transition
from sightline.jobs.models import Attempt, Job, JobEvent
from sightline.jobs.status import TERMINAL, Status

_TOLD = frozenset({"job.queued", "job.prepared", "job.started", "job.attempt_failed"})
_TERMINAL = frozenset(f"job.{status}" for status in TERMINAL)
_BATCH = 500


def read(job_id: UUID, since: int) -> History:
    """The transitions from ordinal `since` on, and from the beginning of the job's current life on."""
    try:
        # The job after its history: an end that comes in between must not be told without its output.
        rows = list(JobEvent.objects.filter(job_id=job_id).order_by("id"))
        job = Job.objects.filter(pk=job_id).first()
        if job is None or job.erased_at is not None:
            return History(transitions=(), exists=False)
        # A retry begins a new life: the stream ends at *its* terminal transition.
        life = max((n for n, row in enumerate(rows, start=1) if row.type == "job.queued"), default=1)
        first = max(since, life)
        fences = dict(Attempt.objects.filter(job_id=job_id).values_list("run", "fence"))
        hearing = _hearing(rows[life - 1 :], fences)
        return History(
            transitions=tuple(
                _transition(job, row, heard, n, latest=n == len(rows))
                for n, (row, heard) in enumerate(zip(rows[life - 1 :], hearing, strict=True), start=life)
                if n >= first
            )
        )
    finally:
        close_old_connections()


def transitions(asked: Collection[UUID]) -> dict[UUID, int]:
    """How many transitions each of these jobs has had, 0 when it is no more."""
    jobs = list(asked)
    found = dict.fromkeys(jobs, 0)
    try:
        for start in range(0, len(jobs), _BATCH):
            of_some = JobEvent.objects.filter(job_id__in=jobs[start : start + _BATCH])
            rows = of_some.values_list("job_id").annotate(n=Count("id"))
            found |= dict(rows.order_by())
    finally:
        close_old_connections()
    return found


def has_more(job: Job, since: int) -> bool:
    """May an event follow the transition with this ordinal? Not when it, or an earlier one, was the last."""
    if not job.ended:
        return True
    types = JobEvent.objects.filter(job_id=job.pk).order_by("id").values_list("type", flat=True)
    return any(type in _TERMINAL for type in list(types)[since:])


@dataclass(frozen=True, kw_only=True)
class _Heard:
    """Whose attempt is listened to after a transition."""

    speaker: UUID | None = None
    """None: the job's own."""
    fence: int | None = None
    resets: bool = False
    """What was heard before is void."""


def _hearing(rows: Sequence[JobEvent], fences: Mapping[int, int]) -> Iterator[_Heard]:
    """For each transition of a life, what is heard from there on."""
    now = _Heard()
    for row in rows:
        match row.type:
            case "job.started" if "leader" in row.data:  # it took the attempt of the one that it followed
                now = _Heard(speaker=UUID(row.data["leader"]), fence=row.data["fence"])
            case "job.started":
                now = _Heard(fence=fences.get(row.run))
            case "job.following":
                fence = row.data["fence"]
                anew = now.speaker is not None and now.fence is not None
                now = _Heard(speaker=UUID(row.data["leader"]), fence=fence, resets=anew)
            case "job.promoted":
                now = _Heard(resets=now.fence is not None)
            case "job.prepared" if now.speaker is not None:
                now = replace(now, resets=False)
            case "job.attempt_failed":
                now = _Heard(resets=True)
            case _:
                now = _Heard(resets=bool(row.data.get("retried")))
        yield now


def _transition(job: Job, row: JobEvent, heard: _Heard, ordinal: int, *, latest: bool) -> Transition:
    terminal = row.type in _TERMINAL
    told = terminal or row.type in _TOLD
    return Transition(
        ordinal=ordinal,
        type=row.type if told else "",
        data=_data(job, row, latest=latest) if told else {},
        fence=heard.fence,
        speaker=heard.speaker,
        resets=heard.resets,
        terminal=terminal,
        output=job.output if terminal else None,
    )


def _data(job: Job, row: JobEvent, *, latest: bool) -> dict[str, Any]:
    data: dict[str, Any] = {"job": job.public_id, "at": moment(row.at), "attempt": row.run}
    if row.type in _TERMINAL:
        data |= {
            "status": str(job.status),
            "finish_reason": job.finish_reason or None,
            "output": job.output,
            "usage": job.usage,
            "timings_ms": job.timings,
            "error": job.error,
            "links": {"self": path(job)},
        }
    elif row.type == "job.queued":
        waits = latest and job.status == Status.QUEUED
        data |= {"status": "queued", "queue": place(job) if waits else None}
    elif row.type == "job.started":
        data |= {"status": "running"}
    elif row.type == "job.attempt_failed":
        data |= {"status": "queued", "code": row.data.get("code")}
    return data

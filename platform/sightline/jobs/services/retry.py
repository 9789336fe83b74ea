"""Run an ended job once more, because an operator or its owner asked for it."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import transaction

from sightline.audit import services as audit
from sightline.celery import PREPARE, queue_name
from sightline.errors import Conflict
from sightline.jobs import turns, wakeups
from sightline.jobs.models import Job, JobMedia
from sightline.jobs.services import links
from sightline.jobs.services.events import record
from sightline.jobs.status import Status
from sightline.sessions.services import appending as sessions
from sightline.telemetry import lifecycle

RETRYABLE = frozenset({Status.FAILED, Status.INCOMPLETE, Status.CANCELLED, Status.EXPIRED})


@dataclass(frozen=True, kw_only=True)
class Edited:
    """What a job is asked instead, validated and with its media stored."""

    input: dict[str, Any]
    params: dict[str, Any]
    images: list[str]
    """Pixel digests in prompt order."""
    media: tuple[UUID, ...]
    prepared: bool
    """False: there are images to fetch first."""


def retry(*, job: Job, actor: str, edited: Edited | None = None, reason: str = "") -> Job:
    """A new run of the same job with fresh tries, at the end of its tenant's queue; `Conflict` when it cannot.

    With `edited` it is asked something else from now on. The audit's record names the fields that changed and not
    what they say: nothing that it holds can be erased.
    """
    with transaction.atomic():
        before = Status(Job.objects.values_list("status", flat=True).get(pk=job.pk))
        statuses = RETRYABLE & {before}  # as the record says it stood, or not at all
        after: dict[str, Any] = {"status": Status.QUEUED}
        if edited is None:
            requeue(job=job, actor=actor, statuses=statuses, verb="retried")
        else:
            if job.session is not None:
                raise Conflict("This job goes on from a session: submit a new one to ask something else.")
            after["changed"] = {
                "input": _changed(job.input, edited.input),
                "params": _changed(job.params, edited.params),
            }
            changes: dict[str, Any] = {
                "input": edited.input,
                "params": edited.params,
                "images": edited.images,
            }
            job.prepared = edited.prepared
            requeue(
                job=job, actor=actor, statuses=statuses, verb="retried", prepared=edited.prepared, **changes
            )
            JobMedia.objects.filter(job_id=job.pk).delete()
            links.keep(job_id=job.pk, media=edited.media)
        audit.write(
            actor=actor,
            action="job.retry" if edited is None else "job.retry_edited",
            subject=job.public_id,
            before={"status": before},
            after=after,
            reason=reason,
        )
    job.refresh_from_db()
    return job


def _changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    return sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))


def requeue(
    *, job: Job, actor: str, statuses: Collection[Status], verb: str, queue: str = "", **changes: Any
) -> None:
    """Queue an ended job with fresh counters and without what it brought. Call it inside a transaction.

    `Conflict` when it stands in none of the statuses, or its session has moved on.
    """
    queue = queue or (queue_name(job.seats or job.kind, job.model) if job.prepared else PREPARE)
    place = turns.take(tenant_id=job.tenant_id, queue=queue, cost=1, weight=job.tenant.weight)
    fresh: dict[str, Any] = {
        "status": Status.QUEUED,
        "queue": queue,
        "turn": place.turn,
        "parked_until": None,
        "tries": 0,
        "crashes": 0,
        "solo_kills": 0,
        "suspect": False,
        "deadline_at": None,
        "output": None,
        "error": None,
        "finish_reason": "",
        "served_from": "",
        "source": None,
        "source_ended_at": None,
        "followed": False,
        "cache_key": None,
        "usage": None,
        "timings": None,
        "ended_at": None,
    }
    rows = Job.objects.filter(pk=job.pk, status__in=statuses, erased_at=None)
    if not rows.update(**{**fresh, **changes}):
        raise Conflict(f"A job that is {job.status} cannot be {verb}.")
    if job.session is not None:  # it goes on from what it saw, or not at all
        sessions.occupy(
            seen=sessions.seen(job.session, job.session_version or 0, job.session_inherited or 0),
            job_id=job.pk,
        )
    record(job_id=job.pk, type="job.queued", run=job.run, actor=actor, retried=True)
    lifecycle.retried(job, actor=actor)
    transaction.on_commit(lambda: wakeups.publish(queue=queue))

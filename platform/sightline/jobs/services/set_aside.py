"""Quarantine a job by hand, and release one: an operator knows more than the counters do."""

from typing import Any

from django.db import transaction

from sightline.audit import services as audit
from sightline.celery import probation_queue
from sightline.clock import After
from sightline.errors import Conflict
from sightline.jobs.models import Job
from sightline.jobs.services.events import record
from sightline.jobs.services.quarantine import block_media
from sightline.jobs.services.retry import RETRYABLE, requeue
from sightline.jobs.services.stop import stop
from sightline.jobs.status import ACTIVE, Status
from sightline.media import services as media
from sightline.media.models import BlockedMedia

QUARANTINABLE = frozenset({*ACTIVE, *RETRYABLE})


def quarantine(*, job: Job, actor: str, reason: str = "") -> Job:
    """End the job, whether it waits, runs or has failed, and refuse its images from now on.

    `Conflict` for one that succeeded, and for one that is quarantined or erased already.
    """
    why = reason or f"Quarantined by {actor}."
    with transaction.atomic():
        row = Job.objects.select_for_update().only("status", "run", "erased_at").get(pk=job.pk)
        before = row.status
        if before not in QUARANTINABLE or row.erased_at is not None:
            raise Conflict(f"A job that is {before} cannot be quarantined.")
        if before in ACTIVE:
            stop(job=job, actor=actor, status=Status.QUARANTINED, code="quarantined", message=why)
        else:
            error = {"code": "quarantined", "message": why, "retryable": False}
            Job.objects.filter(pk=job.pk).update(status=Status.QUARANTINED, error=error, ended_at=After())
            record(job_id=job.pk, type=f"job.{Status.QUARANTINED}", run=row.run, actor=actor)
        block_media(job_id=job.pk, reason=why[:500])
        _audit(job, "job.quarantine", actor, before=before, after=Status.QUARANTINED, reason=reason)
    job.refresh_from_db()
    return job


def release(*, job: Job, actor: str, reason: str = "") -> Job:
    """Accept the images of a quarantined job again, and run it once more, alone on its engine with fresh counters.

    `Conflict` for a job that is not quarantined.
    """
    with transaction.atomic():
        blocked = BlockedMedia.objects.filter(
            tenant_id=job.tenant_id, pixel_sha256__in=list(job.images), released_at=None
        )
        with audit.unrecorded():  # the job's release is on record below
            for row in blocked:
                media.release(blocked=row, by=actor)
        alone: dict[str, Any] = {"queue": probation_queue(job.model), "suspect": True} if job.prepared else {}
        requeue(job=job, actor=actor, statuses={Status.QUARANTINED}, verb="released", **alone)
        _audit(job, "job.release", actor, before=Status.QUARANTINED, after=Status.QUEUED, reason=reason)
    job.refresh_from_db()
    return job


def _audit(job: Job, action: str, actor: str, *, before: str, after: str, reason: str) -> None:
    audit.write(
        actor=actor,
        action=action,
        subject=job.public_id,
        before={"status": before},
        after={"status": after},
        reason=reason,
    )

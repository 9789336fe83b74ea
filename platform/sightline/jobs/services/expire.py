"""Expire a job: its answer would come too late, says an operator before its deadline does."""

from django.db import transaction

from sightline.audit import services as audit
from sightline.jobs.models import Job
from sightline.jobs.services.stop import stop
from sightline.jobs.status import Status
from sightline.telemetry import lifecycle


def expire(*, job: Job, actor: str, reason: str = "") -> bool:
    """End a queued or running job as expired; True when its worker has to be told. Harmless when it already ended."""
    with transaction.atomic():
        stopped = stop(
            job=job,
            actor=actor,
            status=Status.EXPIRED,
            code="expired",
            message=reason or "The job was expired before its deadline.",
        )
        if stopped is None:
            return False
        audit.write(
            actor=actor,
            action="job.expire",
            subject=job.public_id,
            before={"status": stopped.before},
            after={"status": Status.EXPIRED},
            reason=reason,
        )
    lifecycle.expired(job)
    return stopped.aborting

"""Cancel a job: its owner does not want it any more."""

from django.db import transaction

from sightline.audit import services as audit
from sightline.jobs.models import Job
from sightline.jobs.services.stop import stop
from sightline.jobs.status import Status
from sightline.telemetry import lifecycle


def cancel(*, job: Job, actor: str, reason: str = "") -> bool:
    """End a queued or running job; True when its worker has to be told. Harmless when it already ended."""
    with transaction.atomic():
        stopped = stop(
            job=job, actor=actor, status=Status.CANCELLED, code="cancelled", message="The job was cancelled."
        )
        if stopped is None:
            return False
        audit.write(
            actor=actor,
            action="job.cancel",
            subject=job.public_id,
            before={"status": stopped.before},
            after={"status": Status.CANCELLED},
            reason=reason,
        )
    lifecycle.cancelled(job, actor=actor)
    return stopped.aborting

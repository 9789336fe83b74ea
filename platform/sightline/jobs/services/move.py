"""Change the class of a waiting job: whose seats it takes, and so in which queue it waits."""

from django.db import transaction

from sightline.audit import services as audit
from sightline.celery import PREPARE, queue_name
from sightline.errors import Conflict
from sightline.jobs import turns, wakeups
from sightline.jobs.models import Job
from sightline.jobs.services.events import record
from sightline.jobs.status import Status


def move(*, job: Job, seats: str, actor: str, reason: str = "") -> Job:
    """The job waits for a seat of this kind, at the end of its tenant's queue; harmless when it does already.

    One that is still being prepared goes there afterwards. `Conflict` for a job that does not wait, that follows
    another one, or that runs alone because engines died under it.
    """
    kept = "" if seats == job.kind else seats
    queue = queue_name(seats, job.model)
    with transaction.atomic():
        row = (
            Job.objects.select_for_update()
            .only("status", "seats", "queue", "source", "suspect")
            .get(pk=job.pk)
        )
        if row.status != Status.QUEUED or row.source is not None or row.suspect:
            raise Conflict(_why(row))
        if row.seats == kept:
            return job
        changes = {"seats": kept}
        if row.queue != PREPARE:
            weight = job.tenant.weight
            place = turns.take(tenant_id=job.tenant_id, queue=queue, cost=1, weight=weight)
            changes |= {"queue": queue, "turn": place.turn}  # type: ignore[dict-item]
            transaction.on_commit(lambda: wakeups.publish(queue=queue))
        Job.objects.filter(pk=job.pk).update(**changes)
        was = row.seats or job.kind
        record(job_id=job.pk, type="job.moved", actor=actor, before=was, after=seats)
        audit.write(
            actor=actor,
            action="job.move",
            subject=job.public_id,
            before={"seats": was},
            after={"seats": seats},
            reason=reason,
        )
    job.refresh_from_db()
    return job


def _why(row: Job) -> str:
    if row.status != Status.QUEUED:
        return f"A job that is {row.status} does not wait for a seat."
    if row.source is not None:
        return "This job waits for the answer to an identical one, not for a seat."
    return "An engine died under this job, so it runs alone: it takes nobody's seat."

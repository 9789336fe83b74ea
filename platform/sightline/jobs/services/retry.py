"""Run an ended job once more, because an operator or its owner asked for it."""

from django.db import transaction

from sightline.celery import PREPARE, queue_name
from sightline.errors import Conflict
from sightline.jobs import turns, wakeups
from sightline.jobs.models import Job
from sightline.jobs.services.events import record
from sightline.jobs.status import Status
from sightline.sessions.services import appending as sessions
from sightline.telemetry import lifecycle

RETRYABLE = frozenset({Status.FAILED, Status.INCOMPLETE, Status.CANCELLED, Status.EXPIRED})


def retry(*, job: Job, actor: str) -> Job:
    """A new run of the same job with fresh tries, at the end of its tenant's queue; `Conflict` when it cannot."""
    queue = queue_name(job.seats or job.kind, job.model) if job.prepared else PREPARE
    with transaction.atomic():
        place = turns.take(tenant_id=job.tenant_id, queue=queue, cost=1, weight=job.tenant.weight)
        written = Job.objects.filter(pk=job.pk, status__in=RETRYABLE, erased_at=None).update(
            status=Status.QUEUED,
            queue=queue,
            turn=place.turn,
            parked_until=None,
            tries=0,
            crashes=0,
            solo_kills=0,
            suspect=False,
            deadline_at=None,
            output=None,
            error=None,
            finish_reason="",
            served_from="",
            source=None,
            source_ended_at=None,
            followed=False,
            cache_key=None,
            usage=None,
            timings=None,
            ended_at=None,
        )
        if not written:
            raise Conflict(f"A job that is {job.status} cannot be retried.")
        if job.session is not None:  # it goes on from what it saw, or not at all
            sessions.occupy(
                seen=sessions.seen(job.session, job.session_version or 0, job.session_inherited or 0),
                job_id=job.pk,
            )
        record(job_id=job.pk, type="job.queued", run=job.run, actor=actor, retried=True)
    lifecycle.retried(job, actor=actor)
    transaction.on_commit(lambda: wakeups.publish(queue=queue))
    job.refresh_from_db()
    return job

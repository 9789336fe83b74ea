"""Cancel a job: it ends at once in the database, and the abort is on its way to the engine."""

from uuid import UUID

from django.db import transaction

from sightline.clock import After
from sightline.events import notify
from sightline.jobs.models import Attempt, Job
from sightline.jobs.services import followers
from sightline.jobs.services.announce import announce
from sightline.jobs.services.events import record
from sightline.jobs.status import ACTIVE, AttemptOutcome, Status
from sightline.telemetry import lifecycle

_NEEDED = (
    *followers.LEFT, "kind", "status", "run", "announced", "webhook_url", "fence", "worker", "group", "lease_until",
    "source",
)  # fmt: skip


def cancel(*, job: Job, actor: str) -> bool:
    """End a queued or running job; True when its worker has to be told. Harmless when it already ended.

    The row is terminal before anybody is told, so a result that arrives meanwhile is fenced off. An attempt whose
    answer others wait for goes on: it is theirs from here on.
    """
    with transaction.atomic():
        row = Job.objects.select_for_update().only(*_NEEDED).get(pk=job.pk)
        if row.status not in ACTIVE:
            return False
        running = row.status == Status.RUNNING
        Job.objects.filter(pk=row.pk).update(
            status=Status.CANCELLED,
            lease_until=None,
            parked_until=None,
            ended_at=After(),
            cache_key=None,
            error={"code": "cancelled", "message": "The job was cancelled.", "retryable": True},
        )
        if running:
            Attempt.objects.filter(job_id=row.pk, run=row.run).update(
                outcome=AttemptOutcome.CANCELLED, ended_at=After()
            )
        record(job_id=row.pk, type="job.cancelled", run=row.run, actor=actor)
        announce(ended=row, status=Status.CANCELLED)
        if row.followed and running:
            running = followers.hand_over(left=row) is None
        elif row.followed:
            followers.leave(left=row, status=Status.CANCELLED)
    lifecycle.cancelled(job, actor=actor)
    transaction.on_commit(lambda: _tell(row.pk, running))
    return running


def _tell(job_id: UUID, running: bool) -> None:
    if running:
        notify.abort(job_id=job_id)
    notify.ended(job_id=job_id, status=Status.CANCELLED)

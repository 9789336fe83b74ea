"""End a queued or running job because somebody asked for it; the abort is on its way to the engine."""

from dataclasses import dataclass
from uuid import UUID

from django.db import transaction

from sightline.clock import After
from sightline.events import notify
from sightline.jobs.models import Attempt, Job
from sightline.jobs.services import followers
from sightline.jobs.services.announce import announce
from sightline.jobs.services.events import record
from sightline.jobs.status import ACTIVE, AttemptOutcome, Status

_NEEDED = (
    *followers.LEFT, "kind", "model", "status", "run", "announced", "webhook_url", "fence", "worker", "group",
    "lease_until", "source",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Stopped:
    """What became of the job."""

    before: str
    """Its status until then."""
    aborting: bool
    """Its worker has to be told: it ran, and nobody else wants its answer."""


def stop(*, job: Job, actor: str, status: Status, code: str, message: str) -> Stopped | None:
    """The job has ended with `status`; None when it already had. Call it inside a transaction, commit tells the worker.

    The row is terminal before anybody is told, so a result that arrives meanwhile is fenced off. An attempt whose
    answer others wait for goes on, it is theirs from here on; unless the job is quarantined, and they with it.
    """
    row = Job.objects.select_for_update().only(*_NEEDED).get(pk=job.pk)
    if row.status not in ACTIVE:
        return None
    running = row.status == Status.RUNNING
    error = {"code": code, "message": message, "retryable": status is not Status.QUARANTINED}
    Job.objects.filter(pk=row.pk).update(
        status=status, lease_until=None, parked_until=None, ended_at=After(), cache_key=None, error=error
    )
    if running:
        outcome = AttemptOutcome.EXPIRED if status is Status.EXPIRED else AttemptOutcome.CANCELLED
        Attempt.objects.filter(job_id=row.pk, run=row.run).update(outcome=outcome, ended_at=After())
    record(job_id=row.pk, type=f"job.{status}", run=row.run, actor=actor)
    announce(ended=row, status=status)
    aborting = running
    if row.followed and running and status is not Status.QUARANTINED:
        aborting = followers.hand_over(left=row) is None
    elif row.followed:
        followers.leave(left=row, status=status, error=error)
    transaction.on_commit(lambda: _tell(row.pk, aborting, status))
    return Stopped(before=row.status, aborting=aborting)


def _tell(job_id: UUID, running: bool, status: Status) -> None:
    if running:
        notify.abort(job_id=job_id)
    notify.ended(job_id=job_id, status=status)

"""Cancel a batch: no further line becomes a job, and a worker cancels the jobs that wait or run."""

from django.db import transaction

from sightline.audit import services as audit
from sightline.batches import progress
from sightline.batches.models import Batch, BatchStatus
from sightline.celery import BATCH
from sightline.clock import After
from sightline.errors import Conflict
from sightline.jobs import wakeups
from sightline.telemetry import lifecycle

_CANCELLABLE = frozenset({BatchStatus.VALIDATING, BatchStatus.IN_PROGRESS})
_CANCELLED = frozenset({BatchStatus.CANCELLING, BatchStatus.CANCELLED})


def cancel(*, batch: Batch, actor: str) -> Batch:
    """The batch, cancelling; harmless when it was cancelled before, `Conflict` when it ended otherwise."""
    with transaction.atomic():
        row = Batch.objects.select_for_update().get(pk=batch.pk)
        if row.status in _CANCELLED:
            return row
        if row.status not in _CANCELLABLE:
            raise Conflict(f"The batch is {row.status} already.")
        Batch.objects.filter(pk=row.pk).update(
            status=BatchStatus.CANCELLING, cancelling_at=After(), due_at=After()
        )
        audit.write(
            actor=actor,
            action="batch.cancel",
            subject=row.public_id,
            before={"status": row.status, "completed": row.completed, "failed": row.failed},
            after={"status": BatchStatus.CANCELLING},
        )
        progress.tell(row.pk)
    lifecycle.batch(row, "batch_cancelling")
    wakeups.publish(queue=BATCH)
    row.refresh_from_db()
    return row

"""How far a batch is, as a number that grows with everything that clients see of it."""

from collections.abc import Collection
from uuid import UUID

from django.db import transaction

from sightline.batches.models import Batch, BatchStatus
from sightline.events import notify

STAGE = 1_000_000
"""Numbers of one stage: more than a batch has lines."""
_STAGES = {
    BatchStatus.VALIDATING: 1,
    BatchStatus.IN_PROGRESS: 2,
    # Never one after the other.
    BatchStatus.CANCELLING: 3,
    BatchStatus.FINALIZING: 3,
}
_ENDED = 4


def number(*, status: str, completed: int, failed: int) -> int:
    """Grows from one change to the next: by lines that ended, and by the stages on the way to the end."""
    return _STAGES.get(BatchStatus(status), _ENDED) * STAGE + completed + failed


def numbers(asked: Collection[UUID]) -> dict[UUID, int]:
    """The number of each of these batches, 0 when it is no more."""
    rows = Batch.objects.filter(pk__in=asked).order_by()
    found = dict.fromkeys(asked, 0)
    for key, status, completed, failed in rows.values_list("pk", "status", "completed", "failed"):
        found[key] = number(status=status, completed=completed, failed=failed)
    return found


def tell(batch_id: UUID) -> None:
    """Wake those who follow the batch, once the transaction is written."""
    transaction.on_commit(lambda: notify.batch_moved(batch_id=batch_id))

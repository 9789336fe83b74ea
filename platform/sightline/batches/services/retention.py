"""Delete files and batches that are kept no longer."""

from django.conf import settings
from django.db import transaction

from sightline.batches.models import Batch, BatchStatus, File, Line
from sightline.batches.services import files
from sightline.clock import After

BATCH = 200
"""Files that one call deletes."""
LINES = 5000
"""Lines that one call deletes."""


def apply_retention() -> bool:
    """Delete what is due; whether there may be more of it."""
    full = _files() == BATCH
    return _batches() or full


def _files() -> int:
    due = list(File.objects.filter(expires_at__lt=After()).order_by("expires_at")[:BATCH])
    unread = Batch.objects.filter(
        input_file__in=[file.pk for file in due],
        status__in=[BatchStatus.VALIDATING, BatchStatus.IN_PROGRESS, BatchStatus.CANCELLING],
    )
    needed = {batch.input_file for batch in unread if not batch.is_expanded}
    with transaction.atomic():
        files.remove([file for file in due if file.pk not in needed])
    return len(due)


def _batches() -> bool:
    """A batch goes with its lines once its results are gone; whether there is more to do."""
    old = (
        Batch.objects.filter(ended_at__lt=After(-settings.FILE_RETENTION_S), files=None)
        .order_by("ended_at")
        .first()
    )
    if old is None:
        return False
    with transaction.atomic():
        lines = list(Line.objects.filter(batch=old).values_list("pk", flat=True)[:LINES])
        Line.objects.filter(pk__in=lines).delete()
        if len(lines) < LINES:
            old.delete()
    return True

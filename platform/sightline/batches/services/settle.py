"""Notice which lines have ended. The sweeper does it: no job carries the cost of belonging to a batch."""

from datetime import timedelta
from uuid import UUID

from django.db import connection, transaction

from sightline.batches import progress
from sightline.batches.models import Batch, BatchStatus, File, Line, LineState, Purpose
from sightline.celery import BATCH
from sightline.clock import After, now
from sightline.jobs import wakeups
from sightline.jobs.models import Job
from sightline.jobs.status import TERMINAL, Status

WINDOW = 1000
"""Open lines that one look takes in. Jobs end about in the order of their lines, so the first ones suffice."""
LOOKS = 5
"""Looks at one batch in one sweep, while nearly everything that is seen has ended."""
MOST_WAKEUPS = 20
_COMPLETED = frozenset({Status.SUCCEEDED, Status.INCOMPLETE})


def settle_all() -> int:
    """One round over the batches that are at work; how many lines were noticed."""
    found = 0
    # Materialised: a batch is written to while the walk goes on.
    active = list(
        Batch.objects.filter(status__in=[BatchStatus.IN_PROGRESS, BatchStatus.CANCELLING])
        .order_by("id")
        .values_list("pk", flat=True)
    )
    for batch_id in active:
        for _ in range(LOOKS):
            noticed = settle(batch_id=batch_id)
            found += noticed
            if noticed < WINDOW // 2:
                break
    return found


def settle(*, batch_id: UUID) -> int:
    """Mark the lines of a batch whose jobs have ended; how many there were. All that it writes is one transaction."""
    with transaction.atomic():
        batch = (
            Batch.objects.select_for_update()
            .filter(pk=batch_id, status__in=[BatchStatus.IN_PROGRESS, BatchStatus.CANCELLING])
            .first()
        )
        if batch is None:
            return 0
        ended = _ended(batch)
        changes: list[tuple[str, int, int]] = []
        counts = {LineState.COMPLETED: batch.completed, LineState.FAILED: batch.failed}
        for pk, status in ended:
            state = LineState.COMPLETED if status in _COMPLETED else LineState.FAILED
            changes.append((str(state), counts[state], pk))
            counts[state] += 1
        if changes:
            with connection.cursor() as cursor:
                cursor.executemany("UPDATE batches_line SET state = %s, position = %s WHERE id = %s", changes)
        if counts[LineState.FAILED]:
            ensure_errors(batch)
        batch.completed, batch.failed = counts[LineState.COMPLETED], counts[LineState.FAILED]
        if any(status == Status.EXPIRED for _, status in ended) and batch.expires_at <= now():
            batch.unexecuted += sum(status == Status.EXPIRED for _, status in ended)
        done = batch.is_expanded and batch.open == 0
        if changes:
            batch.save(update_fields=["completed", "failed", "unexecuted", "error_file"])
            progress.tell(batch.pk)
        if done:  # whoever is at it sees that as well; a second look does no harm
            Batch.objects.filter(pk=batch.pk, due_at=None).update(due_at=After())
            transaction.on_commit(lambda: wakeups.publish(queue=BATCH))
    return len(changes)


def _ended(batch: Batch) -> list[tuple[int, str]]:
    """Open lines whose jobs have ended, with the status of the job; `failed` for a job that is no more."""
    open_lines = Line.objects.filter(batch=batch, state=LineState.OPEN).order_by("position")
    window = [(pk, job_id) for pk, job_id in open_lines.values_list("pk", "job_id")[:WINDOW] if job_id]
    jobs = Job.objects.filter(pk__in=[job_id for _, job_id in window]).order_by()
    statuses: dict[UUID, str] = dict(jobs.values_list("pk", "status"))
    found = [(pk, statuses.get(job_id, Status.FAILED)) for pk, job_id in window]
    return [(pk, str(status)) for pk, status in found if status in TERMINAL]


def ensure_errors(batch: Batch) -> None:
    """Give the batch its file of errors, when the first line failed. The caller saves `error_file`."""
    if batch.error_file is None:
        batch.error_file = result_file(batch, LineState.FAILED).pk


def result_file(batch: Batch, lines: LineState) -> File:
    """A file that is made from the batch's rows whenever it is read."""
    kind = "output" if lines == LineState.COMPLETED else "error"
    return File.objects.create(
        tenant_id=batch.tenant_id,
        purpose=Purpose.BATCH_OUTPUT,
        filename=f"{batch.public_id}_{kind}.jsonl",
        batch=batch,
        lines=lines,
        created_at=now(),
        expires_at=batch.created_at + timedelta(seconds=batch.results_kept_s),
    )


def top_up() -> int:
    """Send the wake-ups that due batches lack: for those whose worker died, and for what the broker lost."""
    due = Batch.objects.filter(due_at__lte=After())[:MOST_WAKEUPS].count()
    return wakeups.fill(queue=BATCH, due=due)

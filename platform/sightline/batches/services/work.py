"""What a worker does for a batch: count its requests, make jobs of them, cancel them, take the size of the results.

Each step is one transaction that holds the batch's row and moves its marks along with what it wrote. Whoever is
killed anywhere loses its step and nothing else; the next worker goes on at the marks.
"""

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import Error, connection, transaction
from django.db.models import F

from sightline import clock
from sightline.audit import services as audit
from sightline.batches import lines as raw_lines
from sightline.batches import progress, storage
from sightline.batches.lines import RawLine
from sightline.batches.models import Batch, BatchStatus, File, Line, LineState
from sightline.batches.services.results import pages
from sightline.batches.services.settle import ensure_errors, result_file
from sightline.batches.surface import Request, Surface
from sightline.celery import PREPARE
from sightline.clock import After
from sightline.database import statements
from sightline.errors import Problem
from sightline.jobs import admission
from sightline.jobs.models import Job
from sightline.jobs.services.cancel import cancel as cancel_job
from sightline.jobs.services.submit import Submission, queue_of
from sightline.jobs.services.submit_many import submit_many
from sightline.telemetry import lifecycle

log = logging.getLogger(__name__)

LEASE_S = 60.0
"""How long a step may take; the next one renews it."""
LINES = 250
"""Lines of one step: on SQLite nobody else writes meanwhile."""
BYTES = 16 * 2**20
"""Bytes of the lines of one step, at most; a longer line is a step of its own."""
CANCELS = 50
"""Jobs that one step cancels."""
PAGES = 20
"""Pages of results between two renewals."""
_LONGEST_PAUSE_S = 60.0

_GONE = {
    "code": "input_file_gone",
    "message": "The input file is no longer stored.",
    "line": None,
    "param": None,
}


@dataclass(frozen=True, kw_only=True)
class Held:
    """A batch in a worker's hands, with the token that lets it write."""

    batch_id: UUID
    fence: int


class FencedOff(Exception):
    """The lease passed, and another worker has the batch."""


def work_next(*, surface: Surface, stopping: Callable[[], bool] = lambda: False) -> UUID | None:
    """Take the batch that is due the longest as far as it goes now; its id, or None when none is due."""
    held = claim()
    if held is None:
        return None
    try:
        while _step(held, surface):
            if stopping():
                _held(held).update(due_at=After())
                break
    except FencedOff:
        log.warning("event=batch_fenced_off batch=%s", held.batch_id)
    return held.batch_id


def claim() -> Held | None:
    """Lease a due batch; one whose worker died is due again when its lease ends."""
    now = clock.after_sql()
    lock = " FOR UPDATE SKIP LOCKED" if connection.vendor == "postgresql" else ""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE batches_batch SET fence = fence + 1, due_at = {now}"  # noqa: S608
            f" WHERE id = (SELECT id FROM batches_batch WHERE due_at <= {now} ORDER BY due_at LIMIT 1{lock})"
            " RETURNING id, fence",
            [clock.after_param(LEASE_S), clock.after_param()],
        )
        rows = cursor.fetchall()
    if not rows:
        return None
    pk, fence = rows[0]
    return Held(batch_id=pk if isinstance(pk, UUID) else UUID(pk), fence=fence)


def _held(held: Held) -> Any:
    return Batch.objects.filter(pk=held.batch_id, fence=held.fence)


def _step(held: Held, surface: Surface) -> bool:
    """Do what is next; whether there may be more to do now."""
    _held(held).update(due_at=After(LEASE_S))
    batch = _held(held).select_related("tenant", "api_key").first()
    if batch is None:
        raise FencedOff
    match batch.status:
        case BatchStatus.VALIDATING:
            return _validate(held, batch)
        case BatchStatus.IN_PROGRESS | BatchStatus.CANCELLING if not batch.is_expanded:
            return _expand(held, batch, surface)
        case BatchStatus.CANCELLING if batch.open and (more := _cancel(held, batch)):
            return more
        case BatchStatus.IN_PROGRESS | BatchStatus.CANCELLING if batch.open:
            # Not when the last one was noticed since then: somebody has to see to the end.
            resting = _held(held).filter(status=batch.status, completed__lt=F("total") - F("failed"))
            return not resting.update(due_at=None)
        case BatchStatus.IN_PROGRESS:
            _held(held).filter(status=batch.status).update(
                status=BatchStatus.FINALIZING, finalizing_at=After()
            )
            progress.tell(batch.pk)
            return True
        case BatchStatus.FINALIZING | BatchStatus.CANCELLING:
            return _finalize(held, batch, surface)
    _held(held).update(due_at=None)
    return False


# --- the file ---------------------------------------------------------------------------------------------------


def _validate(held: Held, batch: Batch) -> bool:
    """Count the requests. A file that holds none, or too many, fails the batch; a bad line only fails itself."""
    try:
        with storage.open_file(_input_name(batch)) as file:
            total = raw_lines.count(file, longest=settings.MAX_BODY_BYTES)
    except FileNotFoundError:
        return _fail(held, batch, _GONE)
    if not total:
        return _fail(
            held, batch, {**_GONE, "code": "empty_file", "message": "The input file holds no request."}
        )
    if total > raw_lines.MOST:
        message = f"The input file holds more than {raw_lines.MOST} requests."
        return _fail(held, batch, {**_GONE, "code": "too_many_tasks", "message": message})
    with transaction.atomic():
        row = _locked(held)
        if row.status == BatchStatus.VALIDATING:
            row.total, row.status = total, BatchStatus.IN_PROGRESS
            row.output_file = result_file(row, LineState.COMPLETED).pk
            row.in_progress_at = clock.now()
            row.save(update_fields=["total", "status", "output_file", "in_progress_at"])
            progress.tell(row.pk)
    lifecycle.batch(batch, "batch_validated", total=total)
    return True


def _fail(held: Held, batch: Batch, error: dict[str, Any]) -> bool:
    with transaction.atomic():
        row = _locked(held)
        row.errors = [error]
        row.status = BatchStatus.FAILED if row.status != BatchStatus.CANCELLING else BatchStatus.CANCELLED
        row.due_at, row.ended_at = None, clock.now()
        row.save(update_fields=["errors", "status", "due_at", "ended_at"])
        progress.tell(row.pk)
    lifecycle.batch(batch, "batch_ended", status=row.status, code=error["code"])
    return False


def _input_name(batch: Batch) -> str:
    name = (
        File.objects.filter(tenant_id=batch.tenant_id, pk=batch.input_file)
        .values_list("name", flat=True)
        .first()
    )
    if not name:
        raise FileNotFoundError(batch.input_file)
    return str(name)


def _locked(held: Held) -> Batch:
    """The row for this transaction, whatever else wants it."""
    row: Batch | None = _held(held).select_for_update().first()
    if row is None:
        raise FencedOff
    return row


# --- lines become jobs ------------------------------------------------------------------------------------------


def _expand(held: Held, batch: Batch, surface: Surface) -> bool:
    """Make jobs of the next lines; whether to go on at once."""
    try:
        chunk = _read(batch)
    except FileNotFoundError:
        return _fail(held, batch, _GONE)
    why_not = _why_not(batch)
    if why_not is not None:
        requests = [Request(custom_id=surface.name(line.text or b""), error=why_not) for line in chunk]
    else:
        requests = [_understood(batch, surface, line) for line in chunk]
    count, pause_s = _admit(batch, requests)
    chunk, requests = chunk[:count], requests[:count]
    try:
        if chunk:
            _write(held, batch, chunk, requests)
    except BaseException:
        _withdraw(batch, _places(requests))
        raise
    if pause_s is not None:
        _held(held).update(due_at=After(pause_s))
        lifecycle.batch(batch, "batch_waits", seconds=pause_s)
        return False
    return True


def _read(batch: Batch) -> list[RawLine]:
    found: list[RawLine] = []
    size = 0
    with storage.open_file(_input_name(batch)) as file:
        for line in raw_lines.read(
            file, offset=batch.read_bytes, number=batch.read_lines, longest=settings.MAX_BODY_BYTES
        ):
            size += len(line.text or b"")
            if found and size > BYTES:
                break
            found.append(line)
            if len(found) >= min(LINES, batch.total - batch.expanded):
                break
    if not found:  # fewer lines than were counted: it is not the file that it was
        raise FileNotFoundError(batch.input_file)
    return found


def _why_not(batch: Batch) -> dict[str, Any] | None:
    """Why no further line may become a job."""
    if batch.status == BatchStatus.CANCELLING:
        return CANCELLED
    return EXPIRED if batch.expires_at <= clock.now() else None


CANCELLED = {
    "code": "batch_cancelled",
    "message": "The batch was cancelled before this request was executed.",
}
INTERNAL = {"code": "internal_error", "message": "An unexpected error happened; it was logged."}
EXPIRED = {
    "code": "batch_expired",
    "message": "This request could not be executed before the completion window expired.",
}


def _understood(batch: Batch, surface: Surface, line: RawLine) -> Request:
    if line.text is None:
        message = f"The line has more than {settings.MAX_BODY_BYTES} bytes."
        return Request(error={"code": "line_too_long", "message": message})
    try:
        return surface.read(batch=batch, raw=line.text)
    except (Error, OSError, Problem):
        raise  # it passes, and the line is read again
    except Exception:
        # A bug of ours: it costs this line and is logged, instead of stopping the whole batch again and again.
        log.exception("event=batch_line_error batch=%s line=%d", batch.public_id, line.number)
        return Request(custom_id=surface.name(line.text), error=INTERNAL)


def _admit(batch: Batch, requests: Sequence[Request]) -> tuple[int, float | None]:
    """Reserve places for as many of the first requests as there are, and how long to wait for the next ones."""
    count, pause_s = len(requests), None
    while count:
        reserved: dict[str, int] = {}
        try:
            for queue, places in _places(requests[:count]).items():
                admission.admit(tenant=batch.tenant, queue=queue, count=places)
                reserved[queue] = places
            break
        except Problem as refusal:
            _withdraw(batch, reserved)
            pause_s = min(_LONGEST_PAUSE_S, refusal.retry_after_s or 1.0)
            count //= 2
    return count, pause_s


def _places(requests: Sequence[Request]) -> Counter[str]:
    """How many jobs wait in each queue, now or once their images are fetched."""
    found: Counter[str] = Counter()
    for request in requests:
        if request.submission is not None:
            found[queue_of(replace(request.submission, to_fetch=0))] += 1
            found[PREPARE] += bool(request.submission.to_fetch)
    return +found


def _withdraw(batch: Batch, places: Mapping[str, int]) -> None:
    for queue, count in places.items():
        admission.withdraw(tenant=batch.tenant, queue=queue, count=count)


def _write(held: Held, seen: Batch, chunk: Sequence[RawLine], requests: Sequence[Request]) -> None:
    """Jobs, lines and marks, all or none."""
    with transaction.atomic():
        row = _locked(held)
        if (row.status, row.read_bytes) != (seen.status, seen.read_bytes):
            return  # cancelled meanwhile: the lines are read again, and end otherwise
        requests = _once(row, requests)
        left_ms = max(1, int((row.expires_at - clock.now()).total_seconds() * 1000))
        wanted = [r for r in requests if r.submission is not None]
        jobs = submit_many(submissions=[_within(r.submission, left_ms) for r in wanted if r.submission])
        statements.insert_many(
            [r.beside(job) for r, job in zip(wanted, jobs, strict=True) if r.beside is not None]
        )
        coming = iter(jobs)
        statements.insert_many(
            [
                _line(row, line, request, next(coming) if request.submission else None)
                for line, request in zip(chunk, requests, strict=True)
            ]
        )
        if row.failed != seen.failed:
            progress.tell(row.pk)
        row.expanded += len(chunk)
        row.read_bytes, row.read_lines = chunk[-1].end, chunk[-1].number
        row.save(update_fields=["expanded", "read_bytes", "read_lines", "failed", "unexecuted", "error_file"])
    # What the cache answers, now or with another job, needs no place in the queue.
    _withdraw(seen, Counter(job.queue for job in jobs if job.source is not None))
    lifecycle.batch(seen, "batch_expanded", lines=row.expanded, jobs=len(jobs))


def _once(batch: Batch, requests: Sequence[Request]) -> list[Request]:
    """The requests, where a custom_id that was there before makes an error of its line."""
    names = [request.custom_id for request in requests if request.custom_id]
    taken = set(
        Line.objects.filter(batch=batch, custom_id__in=names).order_by().values_list("custom_id", flat=True)
    )
    found = []
    for request in requests:
        if request.custom_id in taken and request.error is None:
            message = f"The custom_id {request.custom_id[:100]!r} stands in an earlier line as well."
            error = {"code": "duplicate_custom_id", "message": message}
            request = Request(custom_id=request.custom_id, error=error)
        if request.custom_id:
            taken.add(request.custom_id)
        found.append(request)
    return found


def _within(submission: Submission, left_ms: int) -> Submission:
    """The same with the end of the completion window as its deadline, unless its own comes first."""
    return replace(submission, deadline_ms=min(submission.deadline_ms or left_ms, left_ms))


def _line(batch: Batch, line: RawLine, request: Request, job: Job | None) -> Line:
    row = Line(batch=batch, number=line.number, custom_id=request.custom_id, position=line.number)
    if job is not None:
        row.job_id = job.pk
        return row
    ensure_errors(batch)
    row.state, row.position, row.error = LineState.FAILED, batch.failed, request.error
    batch.failed += 1
    batch.unexecuted += request.error is EXPIRED
    return row


# --- the end ----------------------------------------------------------------------------------------------------


def _cancel(held: Held, batch: Batch) -> bool:
    """Cancel the next jobs that wait or run; False when all of them were told."""
    lines = list(
        Line.objects.filter(batch=batch, state=LineState.OPEN, position__gt=batch.cancelled_to)
        .order_by("position")
        .values_list("position", "job_id")[:CANCELS]
    )
    if not lines:
        return False
    with transaction.atomic(), audit.unrecorded():  # one wait for the disk, not one a job
        if not _held(held).update(cancelled_to=lines[-1][0]):
            raise FencedOff
        for job in Job.objects.defer("input", "params").filter(pk__in=[job_id for _, job_id in lines]):
            cancel_job(job=job, actor=batch.public_id)
    return True


def _finalize(held: Held, batch: Batch, surface: Surface) -> bool:
    """Take the size of the files and end the batch."""
    for state in (LineState.COMPLETED, LineState.FAILED):
        size = 0
        for number, page in enumerate(pages(batch=batch, state=state, surface=surface)):
            size += len(page)
            if number % PAGES == PAGES - 1 and not _held(held).update(due_at=After(LEASE_S)):
                raise FencedOff
        File.objects.filter(batch=batch, lines=state).update(bytes=size)
    if batch.status == BatchStatus.CANCELLING:
        status = BatchStatus.CANCELLED
    else:
        status = BatchStatus.EXPIRED if batch.unexecuted else BatchStatus.COMPLETED
    if not _held(held).filter(status=batch.status).update(status=status, ended_at=After(), due_at=None):
        return True  # look again: it is not as it was
    progress.tell(batch.pk)
    lifecycle.batch(batch, "batch_ended", status=status, completed=batch.completed, failed=batch.failed)
    return False

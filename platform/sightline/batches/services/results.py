"""The results and errors of a batch, made from its rows piece by piece."""

from collections.abc import Iterator, Sequence

from django.db.models import QuerySet

from sightline.batches.models import Batch, Line, LineState
from sightline.batches.surface import Surface
from sightline.jobs.models import Job

PAGE = 100
"""Lines that are in memory at once."""


def pages(*, batch: Batch, state: LineState, surface: Surface, skip: int = 0) -> Iterator[bytes]:
    """The lines of one file from place `skip` on, `PAGE` at a time.

    A file only grows at its end while the batch runs, for its order is the one in which endings were noticed. A
    job that was run again or erased since then shows as it is now.
    """
    while True:
        lines = list(
            Line.objects.filter(batch=batch, state=state, position__gte=skip).order_by("position")[:PAGE]
        )
        if not lines:
            return
        wanted = [line.job_id for line in lines if line.job_id is not None]
        jobs = _jobs(surface.unused(batch)).in_bulk(wanted) if wanted else {}
        yield b"".join(
            surface.write(batch=batch, line=line, job=jobs.get(line.job_id) if line.job_id else None)
            for line in lines
        )
        skip = lines[-1].position + 1


def _jobs(unused: Sequence[str]) -> QuerySet[Job]:
    return Job.objects.select_related("response").defer(*unused)

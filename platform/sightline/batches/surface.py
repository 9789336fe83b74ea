"""What an API brings to batches: how a line becomes a job, and how a job's answer is written down."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from django.db import models

from sightline.batches.models import Batch, Line
from sightline.jobs.models import Job
from sightline.jobs.services.submit import Submission


@dataclass(frozen=True, kw_only=True)
class Request:
    """One line as it was understood: a submission, or what is wrong with it."""

    custom_id: str = ""
    """The client's name for it; empty where none can be told."""
    submission: Submission | None = None
    """The validated request, its media stored."""
    beside: Callable[[Job], models.Model] | None = None
    """Makes the row that belongs to the job besides its own."""
    error: dict[str, Any] | None = None
    """What the line ends with instead: `{"status": 400, "body": {…}}`, or `{"code": …, "message": …}`."""


class Surface(Protocol):
    """An API whose endpoints lines may name."""

    def read(self, *, batch: Batch, raw: bytes) -> Request:
        """Understand a line and store its media; whatever is wrong with it is its error."""
        ...

    def name(self, raw: bytes) -> str:
        """The custom_id of a line that will not run; empty where none can be told."""
        ...

    def unused(self, batch: Batch) -> tuple[str, ...]:
        """Columns of its jobs that `write` does not read."""
        ...

    def write(self, *, batch: Batch, line: Line, job: Job | None) -> bytes:
        """The ended line as it stands in the results or errors, with its line feed."""
        ...

"""The event rows, written in the transaction of the transition that they record."""

from typing import Any
from uuid import UUID

from sightline.clock import After
from sightline.database import statements
from sightline.jobs.models import JobEvent


def record(*, job_id: UUID, type: str, run: int = 0, actor: str = "", **data: Any) -> None:
    statements.insert(JobEvent(job_id=job_id, type=type, run=run, at=After(), actor=actor, data=data))

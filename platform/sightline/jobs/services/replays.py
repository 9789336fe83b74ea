"""The record of a replay: who made which new job out of which old one."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sightline import ids
from sightline.audit import services as audit
from sightline.jobs.models import Job


def on_record(*, made: Job, out_of: UUID, actor: str) -> None:
    """Write to the audit that a job was made out of another one. Call it in the transaction that inserts it."""
    old = Job.objects.only("model", "params").get(pk=out_of)
    audit.write(
        actor=actor,
        action="job.replay",
        subject=ids.encode(ids.JOB, old.pk),
        before={"model": old.model, "params": _numbers(old.params)},
        after={"job": made.public_id, "model": made.model, "params": _numbers(made.params)},
    )


def _numbers(params: Mapping[str, Any]) -> dict[str, Any]:
    """Sampling and pixels. Words are left out: a parameter may quote the input, which goes when the job is erased."""
    told: dict[str, Any] = {}
    for name, value in params.items():
        if isinstance(value, bool | int | float):
            told[name] = value
        elif name == "pixels" and isinstance(value, Mapping):
            told[name] = _numbers(value)
    return told

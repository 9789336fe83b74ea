"""A retry as it is asked for: the same again, or the same job is asked something else."""

from typing import Any

from sightline.api.authentication import Sender
from sightline.api.native.intake import submission
from sightline.api.native.jobs import refuse_erased
from sightline.api.native.replay import body
from sightline.api.native.schemas import Replay, Retry
from sightline.errors import Conflict
from sightline.jobs.models import Job
from sightline.jobs.services.retry import RETRYABLE, Edited, retry


def retry_asked(*, sender: Sender, job: Job, changes: Retry) -> Job:
    """The job, queued once more; with changes, it is asked something else from now on.

    A `Problem` for a job that is erased or has not ended so, for images that are not kept any more, and for changes
    that make no valid request.
    """
    refuse_erased(job)
    edited = None
    if changes.input or changes.params:
        if job.status not in RETRYABLE:
            raise Conflict(f"A job that is {job.status} cannot be retried.")
        edited = _edited(sender, job, input=changes.input, params=changes.params)
    return retry(job=job, actor=sender.actor, edited=edited, reason=changes.reason)


def _edited(sender: Sender, job: Job, *, input: dict[str, Any], params: dict[str, Any]) -> Edited:
    """Its own input and parameters with these in their place, checked as every request."""
    asked = submission(principal=sender, body=body(job, Replay(input=input, params=params)), seats=job.seats)
    return Edited(
        input=asked.input,
        params=asked.params,
        images=asked.images,
        media=asked.media,
        prepared=not asked.to_fetch,
    )

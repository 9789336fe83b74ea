"""A retry with another input: the same job is asked something else."""

from typing import Any

from sightline.api.authentication import Sender
from sightline.api.native.intake import submission
from sightline.api.native.replay import body
from sightline.api.native.schemas import Replay
from sightline.jobs.models import Job
from sightline.jobs.services.retry import Edited


def edit(*, sender: Sender, job: Job, input: dict[str, Any], params: dict[str, Any]) -> Edited:
    """What the job is asked from now on: its own input and parameters with these in their place.

    Checked as every request; a `Problem` says what is wrong with it.
    """
    asked = submission(principal=sender, body=body(job, Replay(input=input, params=params)), seats=job.seats)
    return Edited(
        input=asked.input,
        params=asked.params,
        images=asked.images,
        media=asked.media,
        prepared=not asked.to_fetch,
    )

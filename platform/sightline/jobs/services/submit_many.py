"""Accept many jobs of one tenant at once: one turn for all of them, one call of the driver for their rows."""

from collections.abc import Sequence

from django.db import transaction

from sightline.database import statements
from sightline.events import live
from sightline.jobs import turns, wakeups
from sightline.jobs.models import Job, JobEvent, JobTag
from sightline.jobs.services import links
from sightline.jobs.services import submit as single
from sightline.jobs.services.submit import Submission
from sightline.redis_client import RedisAway
from sightline.telemetry import lifecycle

MOST_WAKEUPS = 64
"""That wait in a queue after a call. The sweeper sends what is missing: a backlog needs no message for each of its
jobs, only as many as seats may ask for within a second."""


def submit_many(*, submissions: Sequence[Submission]) -> list[Job]:
    """The jobs of one tenant, in order, each with the turn that `submit` would have given it.

    Call it inside a transaction: all of them are kept, or none. A submission that asks the cache or goes on from a
    session is left to `submit` itself, so that nothing gets past it.
    """
    found: dict[int, Job] = {}
    plain: dict[str, list[int]] = {}
    for place, submission in enumerate(submissions):
        if submission.cache_mode or submission.session is not None:
            found[place] = _alone(submission)
        else:
            plain.setdefault(single.queue_of(submission), []).append(place)
    for queue, places in plain.items():
        jobs = _insert(queue, [submissions[place] for place in places])
        found |= dict(zip(places, jobs, strict=True))
    return [found[place] for place in range(len(submissions))]


def _wake(queue: str, count: int) -> None:
    """As many wake-ups as are missing to `MOST_WAKEUPS`."""
    try:
        missing = min(count, MOST_WAKEUPS - wakeups.waiting(queue=queue))
    except RedisAway:
        return
    if missing > 0:
        wakeups.publish(queue=queue, count=missing)


def _alone(submission: Submission) -> Job:
    job = single.submit(submission=submission)
    assert isinstance(job, Job)  # noqa: S101 - without an idempotency key there is nothing to replay
    return job


def _insert(queue: str, submissions: Sequence[Submission]) -> list[Job]:
    tenant = submissions[0].tenant
    costs = [single.weight_of(submission) for submission in submissions]
    places = turns.take_many(tenant_id=tenant.pk, queue=queue, costs=costs, weight=tenant.weight)
    jobs = [
        single.row(submission, turn=place.turn, now=place.now)
        for submission, place in zip(submissions, places, strict=True)
    ]
    statements.insert_many(jobs)
    statements.insert_many([JobEvent(job_id=job.pk, type="job.queued", at=job.created_at) for job in jobs])
    links.keep_many(
        {
            job.pk: submission.media
            for job, submission in zip(jobs, submissions, strict=True)
            if submission.media
        }
    )
    statements.insert_many(
        [JobTag(tenant_id=tenant.pk, job_id=job.pk, tag=tag) for job in jobs for tag in job.tags]
    )
    streamed = [job.pk for job, submission in zip(jobs, submissions, strict=True) if submission.stream]

    def tell() -> None:
        lifecycle.submitted_many(jobs)
        for job_id in streamed:
            live.want(job_id)
        _wake(queue, len(jobs))

    transaction.on_commit(tell)
    return jobs

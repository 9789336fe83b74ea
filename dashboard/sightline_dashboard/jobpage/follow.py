"""Where a page hears of the next event of a job that has not ended."""

from django.urls import reverse

from sightline.events.stream import SPAN
from sightline.jobs.models import Job


def follow_url(job: Job) -> str:
    """The event stream from what has happened by now on; empty once the job has ended. One query before that."""
    if job.ended:
        return ""
    after = job.events.count() * SPAN
    return f"{reverse('admin:jobs_job_events', args=[job.public_id])}?starting_after={after}"

"""Tell webhooks of an ending, in its transaction; costs nothing when nobody listens."""

from uuid import UUID

from sightline.jobs.claims import Claim
from sightline.jobs.models import Job
from sightline.jobs.status import Status
from sightline.webhooks.services import outbox


def announce(*, ended: Claim | Job, status: Status) -> None:
    """Write the deliveries of a job that ends with `status`; the flag was set when the job was accepted."""
    if not ended.announced:
        return
    job_id: UUID = ended.job_id if isinstance(ended, Claim) else ended.pk
    outbox.announce(
        job_id=job_id, tenant_id=ended.tenant_id, kind=ended.kind, status=status, url=ended.webhook_url
    )

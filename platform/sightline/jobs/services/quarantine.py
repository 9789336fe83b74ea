"""Media that killed engines, or that an operator distrusts, are refused at the door until somebody releases them."""

from uuid import UUID

from sightline.jobs.models import Job
from sightline.media.models import BlockedMedia


def block_media(*, job_id: UUID, reason: str) -> None:
    """Refuse the images of a quarantined job from now on. Call it inside the transition's transaction."""
    job = Job.objects.get(pk=job_id)
    BlockedMedia.objects.bulk_create(
        [
            BlockedMedia(tenant_id=job.tenant_id, pixel_sha256=digest, reason=reason, job=job.public_id)
            for digest in dict.fromkeys(job.images)
        ]
    )

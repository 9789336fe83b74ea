"""The images of a job, each with its address here."""

from dataclasses import dataclass
from uuid import UUID

from django.urls import reverse

from sightline import ids
from sightline.jobs.models import Job
from sightline.kinds.images import bound_media
from sightline.media import services


@dataclass(frozen=True, kw_only=True)
class Shown:
    """One image of a job's input."""

    index: int
    """Position in prompt order, from 0."""
    url: str
    """The staff-only view; empty when the image is no longer stored."""
    width: int
    """Pixels of the original."""
    height: int
    """Pixels of the original."""
    sha256: str
    upload_id: str
    """`up_…`; empty when the image is no longer stored."""
    media_id: UUID | None

    @property
    def number(self) -> int:
        return self.index + 1


def shown(job: Job) -> list[Shown]:
    """One query for all of them."""
    found = bound_media(job.input)
    stored = services.by_sha256(tenant_id=job.tenant_id, digests=[media["sha256"] for media in found])
    images = []
    for index, media in enumerate(found):
        row = stored.get(media["sha256"])
        images.append(
            Shown(
                index=index,
                url=reverse("admin:jobs_job_image", args=[job.public_id, index]) if row else "",
                width=media["width"],
                height=media["height"],
                sha256=media["sha256"],
                upload_id=ids.encode(ids.UPLOAD, row.pk) if row else "",
                media_id=row.pk if row else None,
            )
        )
    return images

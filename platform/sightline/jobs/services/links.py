"""Which images a job holds on to, written in the transaction that gives it its input."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db import connection

from sightline.database import statements
from sightline.errors import Conflict
from sightline.jobs.models import JobMedia
from sightline.kinds.images import bound_media
from sightline.media.models import Media


class ImageErased(Conflict):
    """An image was erased between the check of the request and its acceptance (409): sent again, it is refused."""

    def __init__(self) -> None:
        super().__init__("An image of this request was erased a moment ago. Send the request again.")
        self.retryable = True


def keep(*, job_id: UUID, media: Collection[UUID]) -> None:
    """Link a job to the images that it names by row. Raises ImageErased, and then the job must not be accepted."""
    if media and _link(job_id, "id", [_key(pk) for pk in media]) < len(set(media)):
        raise ImageErased


def keep_many(links: Mapping[UUID, Sequence[UUID]]) -> None:
    """The same for many jobs at once."""
    wanted = {media_id for media in links.values() for media_id in media}
    if not wanted:
        return
    locked = Media.objects.filter(pk__in=wanted).values_list("pk", flat=True)
    if connection.vendor == "postgresql":
        locked = locked.select_for_update(of=("self",), no_key=True)
    if len(locked) < len(wanted):
        raise ImageErased
    statements.insert_many(
        [
            JobMedia(job_id=job_id, media_id=media_id)
            for job_id, media in links.items()
            for media_id in dict.fromkeys(media)
        ]
    )


def keep_bound(*, job_id: UUID, tenant_id: UUID, input: Mapping[str, Any]) -> None:
    """Link a job to the images of its bound input. One that is gone is missed by the attempt, which says so."""
    digests = list({media["sha256"] for media in bound_media(input)})
    JobMedia.objects.filter(job_id=job_id).delete()
    if digests:
        _link(job_id, "sha256", digests, tenant_id)


def _link(job_id: UUID, column: str, values: Sequence[str], tenant_id: UUID | None = None) -> int:
    """Insert a row for each image that is there; how many.

    The lock waits for an erasure that is under way, and an erasure waits for it: the link or the image, never a
    link without its image. SQLite has one writer at a time.
    """
    lock = " FOR KEY SHARE" if connection.vendor == "postgresql" else ""
    marks = ", ".join(["%s"] * len(values))
    whose, owner = (" AND tenant_id = %s", [_key(tenant_id)]) if tenant_id is not None else ("", [])
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO jobs_jobmedia (job_id, media_id)"  # noqa: S608 - names of columns
            f" SELECT %s, id FROM media_media WHERE {column} IN ({marks}){whose}{lock}",
            [_key(job_id), *values, *owner],
        )
        return int(cursor.rowcount)


def _key(value: UUID) -> str:
    return value.hex if connection.vendor == "sqlite" else str(value)

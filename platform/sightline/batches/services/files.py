"""What is done with files: keep them, find them, use them as images, delete them."""

import re
from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import IO
from uuid import UUID

from django.conf import settings
from django.db import transaction

from sightline import clock, ids
from sightline.batches import storage
from sightline.batches.models import ACTIVE, Batch, File, Purpose
from sightline.errors import Conflict, Problem
from sightline.media import services as media
from sightline.media.models import Media
from sightline.media.refusal import MediaRefused, UnsupportedMedia
from sightline.media.sniff import sniff
from sightline.tenants.models import Tenant

_HEAD = 1024


class FileTooLarge(Problem):
    code, status = "media_too_large", 413


def keep(
    *,
    tenant: Tenant,
    purpose: Purpose,
    source: IO[bytes],
    size: int,
    filename: str,
    kept_s: int | None = None,
) -> File:
    """Store a file. An image is guarded and normalised at once, so that what is wrong with it is told here.

    Raises MediaRefused (413, 415, 422), FileTooLarge (413).
    """
    if size > settings.MAX_FILE_BYTES:
        raise FileTooLarge(f"A file has at most {settings.MAX_FILE_BYTES} bytes.")
    if purpose is Purpose.VISION or (purpose is Purpose.USER_DATA and _is_image(source)):
        if size > settings.MAX_IMAGE_BYTES:
            raise FileTooLarge(f"An image has at most {settings.MAX_IMAGE_BYTES} bytes.")
        media.ingest(tenant=tenant, data=source.read(), filename=filename)
        source.seek(0)
    file_id = ids.new_id()
    stored = storage.write(
        tenant_id=tenant.pk, file_id=file_id, source=source
    )  # before the row: it promises the file
    now = clock.now()
    row = File(
        id=file_id,
        tenant=tenant,
        purpose=purpose,
        filename=_readable(filename),
        bytes=stored.bytes,
        sha256=stored.sha256,
        name=stored.name,
        created_at=now,
        expires_at=now + timedelta(seconds=kept_s or settings.FILE_RETENTION_S),
    )
    try:
        row.save(force_insert=True)
    except BaseException:
        storage.delete(stored.name)
        raise
    return row


def find(*, tenant: Tenant, file_id: UUID) -> File | None:
    """The tenant's file of that id."""
    return File.objects.filter(tenant=tenant, pk=file_id).first()


def as_image(*, file: File) -> Media:
    """The image that a file is, as jobs use it. Raises MediaRefused (415, 422) for what is none.

    The stored picture may have been erased since the file came: the file brings it back.
    """
    if file.purpose not in (Purpose.VISION, Purpose.USER_DATA):
        raise UnsupportedMedia(f"A file with the purpose {file.purpose} is no image for a message.")
    known = media.by_sha256(tenant_id=file.tenant_id, digests=[file.sha256]).get(file.sha256)
    if known is not None:
        return known
    if file.bytes > settings.MAX_IMAGE_BYTES:
        raise UnsupportedMedia("The file is no image: it is larger than any image may be.")
    try:
        with storage.open_file(file.name) as source:
            return media.ingest(tenant=file.tenant, data=source.read(), filename=file.filename)
    except FileNotFoundError as error:
        raise MediaRefused("The file is no longer stored.") from error


def delete(*, file: File) -> None:
    """Delete a file; `Conflict` while a batch needs it. The jobs behind results are kept for their own retention."""
    with transaction.atomic():
        reads = Batch.objects.filter(tenant_id=file.tenant_id, input_file=file.pk, status__in=ACTIVE)
        if any(not batch.is_expanded for batch in reads):
            raise Conflict(
                "A batch still reads this file. Cancel it, or wait until its requests are accepted."
            )
        if file.batch is not None and file.batch.status in ACTIVE:
            raise Conflict("The batch of these results still runs.")
        remove([file])


def remove(rows: Sequence[File]) -> None:
    """Delete rows, and what they keep once the transaction commits."""
    names = [row.name for row in rows if row.name]
    File.objects.filter(pk__in=[row.pk for row in rows]).delete()
    # After the commit: a rolled back deletion must not have lost the bytes.
    transaction.on_commit(partial(_forget, names))


def _forget(names: Sequence[str]) -> None:
    for name in names:
        storage.delete(name)


def _is_image(source: IO[bytes]) -> bool:
    head = source.read(_HEAD)
    source.seek(0)
    try:
        sniff(head)
    except UnsupportedMedia:
        return False
    return True


def _readable(filename: str) -> str:
    """The last part of a file's name without control characters; shown to people, never used as a path."""
    last = re.split(r"[/\\]", filename)[-1]
    return "".join(character for character in last if character.isprintable())[:255]

"""What is done with media: take them in, find them, read them, refuse them, erase them."""

import logging
import re
import uuid
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from sightline import ids
from sightline.audit import services as audit
from sightline.database import statements
from sightline.kinds.contract import StoredImage
from sightline.kinds.images import ImageRef
from sightline.media import data_uri, fetch, guard, limits, storage
from sightline.media.models import BlockedMedia, Media
from sightline.media.normalise import Normalised, normalise
from sightline.media.refusal import MediaRefused, PoisonedInput
from sightline.net.addresses import STRICT, AddressPolicy
from sightline.net.pinned import Deadline
from sightline.tenants.models import Tenant

log = logging.getLogger("sightline.media")

_TOUCH = timedelta(hours=1)
"""`last_used_at` is written at most this often, so that a hot image does not cost a write a job."""


def ingest(*, tenant: Tenant, data: bytes, filename: str | None = None) -> Media:
    """Guard, normalise and store an image; the same bytes of the same tenant are the row that exists.

    On return the file is on the disk. Raises MediaRefused (413, 415, 422), PoisonedInput (422).
    """
    bounds = limits.from_settings()
    facts = guard.inspect(data, bounds)
    known = statements.first(Media, tenant_id=tenant.pk, sha256=facts.sha256)
    if known is not None:
        return _use_again(known, data, facts, bounds)
    picture = normalise(data, facts, bounds)
    refuse_blocked(tenant_id=tenant.pk, pixel_sha256=picture.pixel_sha256)
    media = _row(tenant=tenant, facts=facts, picture=picture, filename=filename)
    storage.write(media.file, picture.data)  # before the row: a row promises its file
    try:
        with transaction.atomic():
            media.save(force_insert=True)
    except IntegrityError:
        # The same bytes arrived twice at once and the other request was first: its row and file stand.
        storage.delete(media.file)
        first = Media.objects.filter(tenant=tenant, sha256=facts.sha256).first()
        # Erased since? Then they are stored anew.
        return first or ingest(tenant=tenant, data=data, filename=filename)
    except BaseException:
        storage.delete(media.file)
        raise
    return media


def fetch_and_ingest(
    *, tenant: Tenant, url: str, policy: AddressPolicy = STRICT, deadline: Deadline | None = None
) -> Media:
    """Fetch an image by its address and take it in. Raises what `fetch.fetch` and `ingest` raise."""
    data = fetch.fetch(url, max_bytes=limits.from_settings().max_bytes, policy=policy, deadline=deadline)
    return ingest(tenant=tenant, data=data)


def for_refs(
    *, tenant: Tenant, refs: Sequence[ImageRef], pointers: Sequence[str] | None = None
) -> list[Media | None]:
    """The media that references name, in order; None where one is a URL, which the queue `prepare` fetches.

    A refusal names the field by its pointer (`/input/images/0` and on when none are given). An unknown upload
    and another tenant's are the same 422.
    """
    pointers = pointers or [f"/input/images/{index}" for index in range(len(refs))]
    return [_for_ref(tenant, ref, pointer) for ref, pointer in zip(refs, pointers, strict=True)]


def find(*, tenant_id: uuid.UUID, upload_id: str) -> Media | None:
    """The upload of this tenant with this public id."""
    try:
        pk = ids.decode(ids.UPLOAD, upload_id)
    except ids.InvalidId:
        return None
    return statements.first(Media, id=pk, tenant_id=tenant_id)


def by_sha256(*, tenant_id: uuid.UUID, digests: Sequence[str]) -> dict[str, Media]:
    """The tenant's media by the digests that a bound input holds; what was erased is missing."""
    wanted = set(digests)
    if len(wanted) == 1:  # nearly every job
        only = statements.first(Media, tenant_id=tenant_id, sha256=wanted.pop())
        return {only.sha256: only} if only else {}
    return {media.sha256: media for media in Media.objects.filter(tenant_id=tenant_id, sha256__in=wanted)}


def stored_image(media: Media) -> StoredImage:
    """What a kind binds into a job's input: the digest names the row, the size is the one coordinates refer to."""
    return StoredImage(sha256=media.sha256, width=media.width, height=media.height, mime=media.stored_mime)


def open_bytes(media: Media) -> bytes:
    """The stored file, as the engine gets it. Raises FileNotFoundError."""
    return storage.read(media.file)


def refuse_blocked(*, tenant_id: uuid.UUID, pixel_sha256: str) -> None:
    """Raise PoisonedInput when the picture is blocked for this tenant or for everybody."""
    # Asked for every image of every job, and hardly ever there is a row: whose it is, is looked at here.
    rows = statements.rows(BlockedMedia, order="id", unset=("released_at",), pixel_sha256=pixel_sha256)
    if any(row.tenant_id in (tenant_id, None) for row in rows):
        raise PoisonedInput("This image has brought engines down. An operator can release it.")


def release(*, blocked: BlockedMedia, by: str, reason: str = "") -> bool:
    """Accept a blocked picture again; False when somebody released it before."""
    with transaction.atomic():
        rows = BlockedMedia.objects.filter(pk=blocked.pk, released_at=None)
        if not rows.update(released_at=timezone.now(), released_by=by[:150]):
            return False
        audit.write(
            actor=by,
            action="media.release",
            subject=blocked.pixel_sha256,
            before={"blocked": True},
            after={"blocked": False},
            reason=reason,
        )
    return True


def erase(*, media: Media) -> bool:
    """Delete an image's row, and its file once the transaction commits; False when it was gone already.

    Jobs name media by digest inside their input: the caller, who knows the jobs, passes only what none of
    them names any more.
    """
    name = media.file
    with transaction.atomic():
        deleted, _ = Media.objects.filter(pk=media.pk).delete()
        # After the commit: a rolled back erasure must not have lost the file.
        transaction.on_commit(lambda: storage.delete(name))
    return deleted > 0


def erase_orphans(*, names: Sequence[str]) -> int:
    """Delete those of the named files that no row refers to: what a crash between file and row left behind.

    Pass names that were seen at least minutes ago, because an upload writes its file before its row.
    """
    kept = set(Media.objects.filter(file__in=names).values_list("file", flat=True))
    orphans = [name for name in names if name not in kept]
    for name in orphans:
        storage.delete(name)
    return len(orphans)


def _for_ref(tenant: Tenant, ref: ImageRef, pointer: str) -> Media | None:
    try:
        if ref.data is not None:
            pointer += "/data"
            uri = data_uri.parse(ref.data, limits.from_settings().max_bytes)
            return ingest(tenant=tenant, data=uri.data)
        if ref.upload_id is None:
            return None
        pointer += "/upload_id"
        media = find(tenant_id=tenant.pk, upload_id=ref.upload_id)
        if media is None:
            raise MediaRefused("There is no such upload.")
        refuse_blocked(tenant_id=tenant.pk, pixel_sha256=media.pixel_sha256)
        _touch(media)
    except MediaRefused as refusal:
        raise refusal.at(pointer) from refusal.__cause__
    return media


def _use_again(media: Media, data: bytes, facts: guard.ImageFacts, bounds: limits.Limits) -> Media:
    refuse_blocked(tenant_id=media.tenant_id, pixel_sha256=media.pixel_sha256)
    if not storage.exists(media.file):  # lost with a disk, say: the sender has just brought it back
        log.warning("media_restored media=%s file=%s", media.public_id, media.file)
        storage.write(media.file, normalise(data, facts, bounds).data)
    _touch(media)
    return media


def _touch(media: Media) -> None:
    now = timezone.now()
    if now - media.last_used_at > _TOUCH:
        media.last_used_at = now
        Media.objects.filter(pk=media.pk).update(last_used_at=now)


def _row(*, tenant: Tenant, facts: guard.ImageFacts, picture: Normalised, filename: str | None) -> Media:
    pk = ids.new_id()
    fields: dict[str, Any] = {
        "sha256": facts.sha256,
        "mime": facts.mime,
        "bytes": facts.bytes,
        "width": picture.original_width,
        "height": picture.original_height,
        "pixel_sha256": picture.pixel_sha256,
        "filename": _readable(filename),
        "file": storage.name_for(tenant_id=tenant.pk, media_id=pk, sha256=facts.sha256, mime=picture.mime),
        "stored_mime": picture.mime,
        "stored_bytes": len(picture.data),
        "stored_width": picture.width,
        "stored_height": picture.height,
    }
    return Media(id=pk, tenant=tenant, last_used_at=timezone.now(), **fields)


def _readable(filename: str | None) -> str:
    """The last part of a file's name without control characters; shown to people, never used as a path."""
    last = re.split(r"[/\\]", filename or "")[-1]
    return "".join(character for character in last if character.isprintable())[:255]

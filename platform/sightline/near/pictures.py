"""Hashes and pixels of stored pictures."""

import logging
import struct
from collections.abc import Sequence
from uuid import UUID

from PIL import Image

from sightline.media import hashes, storage
from sightline.media.decode import GATE, decode
from sightline.media.likeness import DIFFERENT, Likeness, compare
from sightline.media.models import Media
from sightline.media.normalise import to_rgb
from sightline.media.refusal import MediaRefused
from sightline.media.sniff import Format
from sightline.near.models import PictureHash

log = logging.getLogger("sightline.near")

_UNREADABLE = (MediaRefused, OSError, ValueError)
"""A file that is gone, a storage that does not answer, a picture too small to have parts, quantisation that Pillow does
not write again: then there is no similar answer, and the job is done as if nobody had asked for one."""
_REGIONS = struct.Struct(f">{hashes.REGIONS**2}Q")


def known(media_id: UUID) -> tuple[int, ...] | None:
    """The hashes of a picture's parts, if they were made before."""
    row = PictureHash.objects.filter(pk=media_id).only("regions").first()
    return None if row is None else _REGIONS.unpack(bytes(row.regions))


def regions(media: Media) -> tuple[int, ...] | None:
    """The hashes of a picture's parts, made now where they were not; None when the file cannot be read any more.

    Decodes the picture once in its life, however many jobs ask for it.
    """
    if (found := known(media.pk)) is not None:
        return found
    try:
        with GATE.admit(media.stored_width * media.stored_height):
            made = hashes.regions(to_rgb(_open(media))[0])
    except _UNREADABLE as error:
        log.warning("event=near_unreadable media=%s reason=%r", media.public_id, str(error))
        return None
    # Another process may have been as quick, with the same result.
    PictureHash.objects.bulk_create(
        [PictureHash(media=media, regions=_REGIONS.pack(*made))], ignore_conflicts=True
    )
    return made


def alike(one: Sequence[Media], other: Sequence[Media]) -> bool:
    """Do the pictures show the same, one by one and in order?"""
    return len(one) == len(other) and all(map(_alike, one, other))


def _alike(one: Media, other: Media) -> bool:
    if one.pixel_sha256 == other.pixel_sha256:
        return True
    # An answer's coordinates refer to the size as it was sent.
    if (one.width, one.height) != (other.width, other.height):
        return False
    return _likeness(one, other).alike


def _likeness(one: Media, other: Media) -> Likeness:
    try:
        with GATE.admit(one.stored_width * one.stored_height + other.stored_width * other.stored_height):
            return compare(_open(one), _open(other))
    except _UNREADABLE as error:
        log.warning("event=near_unreadable media=%s,%s reason=%r", one.public_id, other.public_id, str(error))
        return DIFFERENT


def _open(media: Media) -> Image.Image:
    """The decoded picture as the engine gets it. Raises MediaRefused, FileNotFoundError."""
    size = (media.stored_width, media.stored_height)
    return decode(storage.read(media.file), Format(media.stored_mime), size)

"""What a format's header says, and reading bytes with bounds."""

import struct
from dataclasses import dataclass

from sightline.media.refusal import MediaRefused


@dataclass(frozen=True, kw_only=True)
class Header:
    """An image's header, believed only for refusing: the decoder's result is compared with it."""

    width: int
    """Pixels as stored, before EXIF orientation."""
    height: int
    """Pixels as stored, before EXIF orientation."""
    frames: int = 1
    """Frames or pages; counting stops just above the limit."""
    metadata: bool = False
    """It carries EXIF or XMP, which may hold an orientation."""
    lossy: bool = False
    """Its pixels went through a lossy encoder, so that another pass at high quality costs little."""


def truncated(name: str) -> MediaRefused:
    """The refusal of a file that ends too early."""
    return MediaRefused(f"The {name} is cut off: send the whole file.")


def damaged(name: str, what: str) -> MediaRefused:
    """The refusal of a file whose structure contradicts itself."""
    return MediaRefused(f"The {name} is damaged: {what}.")


def unpack(layout: str, data: bytes, offset: int, name: str) -> tuple[int, ...]:
    """`struct.unpack_from` on untrusted bytes: reading past the end is a refusal."""
    if offset < 0 or offset + struct.calcsize(layout) > len(data):
        raise truncated(name)
    return struct.unpack_from(layout, data, offset)

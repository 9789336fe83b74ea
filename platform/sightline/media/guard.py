"""The door: what an image is and whether it may come in, decided before a pixel is decoded."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sightline.media import decode
from sightline.media.formats import bmp, gif, jpeg, png, tiff, webp
from sightline.media.formats.header import Header
from sightline.media.limits import Limits
from sightline.media.refusal import MediaRefused, MediaTooLarge
from sightline.media.sniff import Format, sniff

_READERS: dict[Format, Callable[[bytes, Limits], Header]] = {
    Format.PNG: png.read_header,
    Format.JPEG: jpeg.read_header,
    Format.WEBP: webp.read_header,
    Format.GIF: gif.read_header,
    Format.BMP: bmp.read_header,
    Format.TIFF: tiff.read_header,
}


@dataclass(frozen=True, kw_only=True)
class ImageFacts:
    """What is known of an image from its bytes and header."""

    mime: Format
    """Type by content."""
    bytes: int
    """Length of the file."""
    sha256: str
    """Hex digest of the file."""
    width: int
    """Pixels as stored, before orientation."""
    height: int
    """Pixels as stored, before orientation."""
    frames: int
    """Frames or pages; only the first is used."""
    orientation: int
    """EXIF orientation, 1–8; 1 is upright."""
    lossy: bool
    """The pixels came from a lossy encoder."""

    @property
    def upright_size(self) -> tuple[int, int]:
        """Width and height in pixels after orientation, as a person sees the picture."""
        return (self.height, self.width) if self.orientation >= 5 else (self.width, self.height)


def inspect(source: bytes | Path, limits: Limits | None = None) -> ImageFacts:
    """Facts of an image within the limits.

    Reads headers only, in time and memory bounded by the limits; that the pixels can be decoded is proved by
    `decode.decode`, which every accepted image goes through once. Raises MediaTooLarge (413) for bytes,
    pixels, frames, scans or expanding metadata, UnsupportedMedia (415) for what is not an image that is read,
    MediaRefused (422) for one that is empty, cut off, damaged, too thin or too small.
    """
    limits = limits or Limits()
    data = _read(source, limits.max_bytes)
    kind = sniff(data)
    header = _READERS[kind](data, limits)
    _check_size(header, limits)
    return ImageFacts(
        mime=kind,
        bytes=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        width=header.width,
        height=header.height,
        frames=header.frames,
        orientation=decode.orientation(data, kind) if header.metadata else 1,
        lossy=header.lossy,
    )


def _read(source: bytes | Path, max_bytes: int) -> bytes:
    if isinstance(source, Path):
        with source.open("rb") as file:
            data = file.read(max_bytes + 1)
    else:
        data = source
    if not data:
        raise MediaRefused("The image is empty: no bytes arrived.")
    if len(data) > max_bytes:
        raise MediaTooLarge(f"The image has more than {max_bytes} bytes.")
    return data


def _check_size(header: Header, limits: Limits) -> None:
    width, height = header.width, header.height
    if width <= 0 or height <= 0:
        raise MediaRefused("The image states a size of nothing.")
    if width * height > limits.max_pixels:
        raise MediaTooLarge(f"The image has {width}×{height} pixels; at most {limits.max_pixels} are taken.")
    if header.frames > limits.max_frames:
        raise MediaTooLarge(f"The image has more than {limits.max_frames} frames.")
    if max(width, height) > limits.max_aspect * min(width, height):
        raise MediaRefused(f"The image is {width}×{height}: at most {limits.max_aspect:g} to 1 is taken.")
    if min(width, height) < limits.min_side:
        raise MediaRefused(f"The image is {width}×{height}: each side needs {limits.min_side} pixels.")

"""From any accepted image to the one the engine gets: upright, opaque RGB, within the model's budget."""

import io
import math
from dataclasses import dataclass

from PIL import Image

from sightline.media import hashes
from sightline.media.decode import GATE, decode
from sightline.media.guard import ImageFacts
from sightline.media.limits import Limits
from sightline.media.sniff import Format

_KEPT = frozenset({Format.PNG, Format.JPEG, Format.WEBP})
"""Formats whose bytes go to the engine as they came, when nothing else has to change."""

_TURNS = {  # EXIF orientation → the operation that makes the picture upright
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@dataclass(frozen=True, kw_only=True)
class Normalised:
    """What is stored and sent to the engine."""

    data: bytes
    """The file: the uploaded bytes themselves when nothing had to change."""
    mime: Format
    """Type of `data`."""
    width: int
    """Pixels of `data`."""
    height: int
    """Pixels of `data`."""
    original_width: int
    """Pixels of the upload after orientation: what a model's coordinates refer to."""
    original_height: int
    """Pixels of the upload after orientation."""
    pixel_sha256: str
    """Digest of the upload's upright RGB pixels and size, before any reduction."""


def normalise(data: bytes, facts: ImageFacts, limits: Limits | None = None) -> Normalised:
    """Decode once, and encode again only when orientation, format, mode, animation or size call for it.

    The engine rounds to multiples of 32 by itself (Qwen's `smart_resize`); here a picture only ever shrinks.
    A lossy source is encoded as JPEG at quality 95 without chroma subsampling, anything else as PNG.
    Raises MediaRefused (422) when the pixels cannot be decoded.
    """
    limits = limits or Limits()
    with GATE.admit(facts.width * facts.height):
        # Pillow turns a TIFF upright while loading it, and nothing else.
        turned = facts.mime is Format.TIFF
        image = decode(data, facts.mime, facts.upright_size if turned else (facts.width, facts.height))
        rgb, plain = to_rgb(image)
        del image
        if facts.orientation != 1 and not turned:
            rgb = rgb.transpose(_TURNS[facts.orientation])
        original = rgb.size
        digest = hashes.pixel_sha256(rgb)
        size = fit(original, limits.model_max_pixels)
        untouched = facts.orientation == 1 and facts.frames == 1 and size == original
        kept = plain and untouched and facts.mime in _KEPT
        mime = facts.mime
        if not kept:
            if size != original:
                rgb = rgb.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
            mime = Format.JPEG if facts.lossy else Format.PNG
            data = _encode(rgb, mime)
    return Normalised(
        data=data,
        mime=mime,
        width=size[0],
        height=size[1],
        original_width=original[0],
        original_height=original[1],
        pixel_sha256=digest,
    )


def fit(size: tuple[int, int], max_pixels: int) -> tuple[int, int]:
    """The largest size of the same shape with at most `max_pixels`; the size itself when it fits."""
    width, height = size
    if width * height <= max_pixels:
        return size
    scale = math.sqrt(max_pixels / (width * height))
    return max(1, int(width * scale)), max(1, int(height * scale))


def to_rgb(image: Image.Image) -> tuple[Image.Image, bool]:
    """The picture as RGB on white, and whether any engine would see the same in the file itself."""
    if image.mode.startswith("I;16") or image.mode == "I":
        # Pillow clips 16-bit grey at 255 when it converts, which leaves a white page. "I" holds 16 bits
        # here too: 32-bit integers are refused at the door.
        return image.convert("I").point(lambda value: value * (1 / 256)).convert("L").convert("RGB"), False
    if image.has_transparency_data:
        rgba = image if image.mode == "RGBA" else image.convert("RGBA")
        alpha = rgba.getchannel("A")
        if alpha.getextrema() == (255, 255):
            return rgba.convert("RGB"), True
        white = Image.new("RGB", rgba.size, (255, 255, 255))
        white.paste(rgba, mask=alpha)
        return white, False
    if image.mode == "RGB":
        return image, True
    return image.convert("RGB"), image.mode in ("L", "P", "1")


def _encode(rgb: Image.Image, mime: Format) -> bytes:
    buffer = io.BytesIO()
    if mime is Format.JPEG:
        rgb.save(buffer, "JPEG", quality=95, subsampling=0)
    else:
        # Level 1 takes a third of the time of level 6 and a few per cent more bytes.
        rgb.save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()

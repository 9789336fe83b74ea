"""Images in requests: just enough of them to tell their size and whether they could be decoded.

A whole decode would cost the simulated engine more CPU than everything else together, so it reads the
header and looks at the end, which is what a truncated upload lacks.
"""

import base64
import binascii
import hashlib
import io
import math
import zlib
from collections import OrderedDict
from dataclasses import dataclass

from PIL import Image, UnidentifiedImageError

from .errors import Refusal

# Qwen3-VL: patches of 16 px, merged 2 x 2 into one token.
_PIXELS_PER_TOKEN_SIDE = 32
# The default pixel budget of Qwen3-VL's image processor.
DEFAULT_LONGEST_EDGE = 16_777_216
_HEAD = 65_536  # base64 characters, a multiple of 4
_TAIL = 64
_KNOWN_IMAGES = 4_096


@dataclass(frozen=True, kw_only=True)
class TwinImage:
    """What the simulated engine knows of an image."""

    # In pixels.
    width: int
    height: int
    # Checksum of its encoded bytes: what answers are derived from.
    checksum: int
    # The data URI's base64 text.
    encoded: str

    def tokens(self, longest_edge: int) -> int:
        """Prompt tokens it takes within a budget of `longest_edge` pixels (the whole area, as Qwen says)."""
        scale = min(1.0, math.sqrt(longest_edge / (self.width * self.height)))
        columns = max(1, round(self.width * scale / _PIXELS_PER_TOKEN_SIDE))
        rows = max(1, round(self.height * scale / _PIXELS_PER_TOKEN_SIDE))
        return columns * rows

    def sha256(self) -> str:
        """Hex digest of its bytes."""
        return hashlib.sha256(base64.b64decode(self.encoded)).hexdigest()


def read_data_uri(uri: str) -> TwinImage:
    """Read an image out of a data URI. Raises `Refusal` as vLLM refuses what it cannot load."""
    head, comma, encoded = uri.partition(",")
    if not head.startswith("data:"):
        raise Refusal(400, "The URL must be from one of the allowed domains: ['none.invalid'].")
    if not comma or not head.endswith(";base64"):
        raise Refusal(400, "Only base64 data URLs are supported for now.")
    try:
        size, kind = _header(base64.b64decode(encoded[:_HEAD]))
        if size is None:  # long metadata before the header
            size, kind = _header(base64.b64decode(encoded))
        tail = base64.b64decode(encoded[-(_TAIL + len(encoded) % 4) :])
    except binascii.Error as error:
        raise Refusal(400, f"Failed to load image: {error}") from error
    if size is None:
        raise Refusal(400, "Failed to load image: cannot identify image file")
    if (kind == "PNG" and b"IEND" not in tail) or (kind == "JPEG" and b"\xff\xd9" not in tail):
        raise Refusal(400, "Failed to load image: image file is truncated")
    return TwinImage(width=size[0], height=size[1], checksum=zlib.crc32(encoded.encode()), encoded=encoded)


def _header(data: bytes) -> tuple[tuple[int, int] | None, str | None]:
    try:
        with Image.open(io.BytesIO(data)) as image:
            return image.size, image.format
    except (UnidentifiedImageError, OSError, SyntaxError):
        return None, None


class KnownImages:
    """Images that were sent with a `uuid`, so that the uuid alone stands for them later, within one pixel budget."""

    def __init__(self) -> None:
        self._images: OrderedDict[tuple[str | None, int], TwinImage] = OrderedDict()
        self.queries = 0
        self.hits = 0

    def find(self, uri: str | None, uuid: str | None, edge: int) -> TwinImage:
        """The image of a part. Raises `Refusal` when it can be had neither from the URI nor by its uuid."""
        self.queries += 1
        key = (uuid, edge)
        if uuid is not None and key in self._images:
            self._images.move_to_end(key)
            self.hits += 1
            return self._images[key]
        if uri is None:
            raise Refusal(400, "Cache miss for image at index 0 but data is not provided.")
        image = read_data_uri(uri)
        if uuid is not None:
            self._images[key] = image
            if len(self._images) > _KNOWN_IMAGES:
                self._images.popitem(last=False)
        return image

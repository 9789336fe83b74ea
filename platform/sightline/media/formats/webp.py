"""WebP (RFC 9649): a RIFF container of chunks, little-endian, padded to even length."""

from sightline.media.formats.header import Header, damaged, truncated, unpack
from sightline.media.limits import Limits
from sightline.media.refusal import MediaTooLarge

NAME = "WebP"


def read_header(data: bytes, limits: Limits) -> Header:
    """Canvas size, frames and metadata."""
    (size,) = unpack("<I", data, 4, NAME)
    end = size + 8
    if end > len(data):
        raise truncated(NAME)
    width = height = frames = 0
    metadata = lossy = False
    offset = 12
    for _ in range(limits.max_parts):
        if offset + 8 > end:
            break
        kind = data[offset : offset + 4]
        (length,) = unpack("<I", data, offset + 4, NAME)
        start = offset + 8
        if start + length > end:
            raise truncated(NAME)
        if kind == b"VP8X":
            flags, low, high, low2, high2 = unpack("<B3xHBHB", data, start, NAME)
            width, height = (low | high << 16) + 1, (low2 | high2 << 16) + 1
            metadata = bool(flags & 0b1100)
        elif kind == b"VP8 ":
            wide, tall = unpack("<HH", data, start + 6, NAME)
            width, height = width or wide & 0x3FFF, height or tall & 0x3FFF
            frames, lossy = frames or 1, True
        elif kind == b"VP8L":
            (bits,) = unpack("<I", data, start + 1, NAME)
            width, height = width or (bits & 0x3FFF) + 1, height or (bits >> 14 & 0x3FFF) + 1
            frames = frames or 1
        elif kind == b"ANMF":
            frames += 1
        offset = start + length + (length & 1)
    else:
        raise MediaTooLarge(f"The WebP is cut into more than {limits.max_parts} chunks.")
    if not frames:
        raise damaged(NAME, "it holds no image data")
    return Header(width=width, height=height, frames=frames, metadata=metadata, lossy=lossy)

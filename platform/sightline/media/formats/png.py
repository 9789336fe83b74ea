"""PNG and APNG (W3C PNG, third edition): chunks of length, type, data, CRC."""

import zlib

from sightline.media.formats.header import Header, damaged, truncated, unpack
from sightline.media.limits import Limits
from sightline.media.refusal import MediaTooLarge

NAME = "PNG"
_SIGNATURE = 8


def read_header(data: bytes, limits: Limits) -> Header:
    """Size, frames and metadata; compressed texts and profiles are expanded up to the limit, no further."""
    length, width, height = unpack(">I4xII", data, _SIGNATURE, NAME)
    if data[12:16] != b"IHDR" or length != 13:
        raise damaged(NAME, "it does not begin with its header")
    frames, metadata, seen_data = 1, False, False
    offset = _SIGNATURE
    for _ in range(limits.max_parts):
        (length,) = unpack(">I", data, offset, NAME)
        kind, start = data[offset + 4 : offset + 8], offset + 8
        offset = start + length + 4
        if offset > len(data):
            raise truncated(NAME)
        if kind == b"IDAT":
            seen_data = True
        elif kind == b"IEND":
            if not seen_data:
                raise damaged(NAME, "it holds no image data")
            return Header(width=width, height=height, frames=frames, metadata=metadata)
        elif kind == b"acTL":
            (frames,) = unpack(">I", data, start, NAME)
            frames = max(1, frames)
        elif kind in (b"zTXt", b"iCCP", b"iTXt"):
            _expand(kind, data[start : start + length], limits.max_metadata_bytes)
            metadata = metadata or kind != b"iCCP"
        elif kind in (b"eXIf", b"tEXt"):
            metadata = True
    raise MediaTooLarge(f"The PNG is cut into more than {limits.max_parts} chunks.")


def _expand(kind: bytes, body: bytes, limit: int) -> None:
    """Refuse a chunk that expands beyond the limit; a megabyte of it can hold a gigabyte of text."""
    _, _, rest = body.partition(b"\0")
    if kind == b"iTXt":
        if rest[:1] != b"\x01":  # not compressed: the bytes of the file bound it
            return
        # compression method, language tag, translated keyword, then the text
        rest = rest[2:].partition(b"\0")[2].partition(b"\0")[2]
    else:
        rest = rest[1:]
    try:
        text = zlib.decompressobj().decompress(rest, limit + 1)
    except zlib.error:
        return  # the decoder does not read a chunk that cannot be expanded either
    if len(text) > limit:
        raise MediaTooLarge(f"A {kind.decode()} chunk of the PNG expands to more than {limit} bytes.")

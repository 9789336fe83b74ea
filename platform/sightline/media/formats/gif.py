"""GIF (89a): a logical screen, then frames of LZW data in sub-blocks."""

from sightline.media.formats.header import Header, damaged, unpack
from sightline.media.limits import Limits
from sightline.media.refusal import MediaTooLarge

NAME = "GIF"


def read_header(data: bytes, limits: Limits) -> Header:
    """Size of the first frame's canvas, and the frames, counted to just above the limit."""
    width, height, flags = unpack("<HHB", data, 6, NAME)
    offset = 13 + _table(flags)
    frames, steps = 0, 4 * limits.max_parts
    while frames <= limits.max_frames:
        (kind,) = unpack("<B", data, offset, NAME)
        if kind == 0x3B:
            break
        if kind == 0x21:
            offset += 2
        elif kind == 0x2C:
            left, top, wide, tall, flags = unpack("<HHHHB", data, offset + 1, NAME)
            frames += 1
            if frames == 1:  # Pillow grows the screen to hold a frame that reaches beyond it
                width, height = max(width, left + wide), max(height, top + tall)
            offset += 10 + _table(flags) + 1
        else:
            raise damaged(NAME, "a block of an unknown kind")
        offset, steps = _skip(data, offset, steps)
    if not frames:
        raise damaged(NAME, "it holds no frame")
    return Header(width=width, height=height, frames=frames)


def _table(flags: int) -> int:
    """Bytes of the colour table that the flags announce."""
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _skip(data: bytes, offset: int, steps: int) -> tuple[int, int]:
    """The offset after a row of sub-blocks, and how many more may be walked over."""
    while True:
        (length,) = unpack("<B", data, offset, NAME)
        offset += 1 + length
        steps -= 1
        if not length:
            return offset, steps
        if steps <= 0:
            raise MediaTooLarge("The GIF is cut into too many small blocks.")

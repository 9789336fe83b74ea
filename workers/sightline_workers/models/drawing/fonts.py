"""The fonts of the drawings: DejaVu's printable ASCII, which lies beside this file (see fonts/LICENSE_DEJAVU).

They ship with the project because the same seed must draw the same picture on every machine.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Literal

from PIL import ImageFont

Face = Literal["DejaVuSansMono", "DejaVuSansMono-Bold", "DejaVuSans", "DejaVuSans-Bold"]

FOLDER = Path(__file__).with_name("fonts")


@lru_cache(maxsize=64)
def font(face: Face, size: int) -> ImageFont.FreeTypeFont:
    """`face` at `size` px. The basic layout rounds advances to whole px, which keeps fixed pitch fixed."""
    return ImageFont.truetype(str(FOLDER / f"{face}.ttf"), size, layout_engine=ImageFont.Layout.BASIC)


def line_height(face: Face, size: int) -> int:
    """Ascent and descent together, in px."""
    ascent, descent = font(face, size).getmetrics()
    return ascent + descent


def width(face: Face, size: int, text: str) -> int:
    """Width of `text` in px as `writing` puts it: the whole advances of its characters, without kerning."""
    return sum(advance(face, size, char) for char in text)


@lru_cache(maxsize=10_000)
def advance(face: Face, size: int, char: str) -> int:
    """From `char` to the next one, in whole px."""
    return round(font(face, size).getlength(char))


def pitch(face: Face, size: int) -> int:
    """The advance of a digit in px: of every character where the face is monospaced."""
    return round(font(face, size).getlength("0"))

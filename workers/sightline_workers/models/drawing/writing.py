"""Puts characters on a canvas and notes where each of them lies."""

from __future__ import annotations

from PIL import ImageDraw

from . import fonts
from .colours import RGB
from .scene import Glyph, Line


def write_line(
    draw: ImageDraw.ImageDraw,
    *,
    at: tuple[int, int],
    text: str,
    row: int,
    face: fonts.Face,
    size: int,
    ink: RGB,
) -> tuple[Line, list[Glyph]]:
    """Write `text` with its top left corner at `at` (px); return the line and its characters."""
    font = fonts.font(face, size)
    left, top = at
    bottom = top + fonts.line_height(face, size)
    glyphs, x = [], left
    for column, char in enumerate(text):
        advance = fonts.advance(face, size, char)
        if char != " ":
            # Anchored at the ascender, so that every character of a line shares one baseline.
            draw.text((x, top), char, font=font, fill=ink, anchor="la")
        glyphs.append(Glyph(char=char, box=(x, top, x + advance, bottom), column=column, row=row))
        x += advance
    return Line(text=text, box=(left, top, x, bottom)), glyphs

"""A page: lines of printed text under one another, as on a receipt or a label."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw

from . import fonts
from .colours import NAMES, RGB
from .scene import Glyph, Line, Scene
from .writing import write_line


@dataclass(frozen=True, kw_only=True)
class PageStyle:
    """How a page looks. Lengths in px."""

    width: int = 320
    height: int = 96
    left: int = 0
    top: int = 0
    leading: int = 32
    """From one line's top to the next one's."""
    face: fonts.Face = "DejaVuSansMono"
    size: int = 26
    """26 px of DejaVu Sans Mono are 16 px wide and 32 px high: one column of patches."""
    ink: str = "black"
    paper: str = "white"
    ink_rgb: RGB | None = None
    """The very shade; the named colour itself where it is not given."""
    paper_rgb: RGB | None = None


def draw_page(lines: Sequence[str], style: PageStyle, lefts: Sequence[int] | None = None) -> Scene:
    """Draw `lines` in `style`, each beginning at its own of `lefts` (px) if they are given.

    Raises ValueError for text that does not fit on the page: what is cut off could not be read.
    """
    image = Image.new("RGB", (style.width, style.height), style.paper_rgb or NAMES[style.paper])
    draw = ImageDraw.Draw(image)
    written: list[Line] = []
    glyphs: list[Glyph] = []
    for row, text in enumerate(lines):
        at = (style.left if lefts is None else lefts[row], style.top + row * style.leading)
        ink = style.ink_rgb or NAMES[style.ink]
        line, drawn = write_line(draw, at=at, text=text, row=row, face=style.face, size=style.size, ink=ink)
        if line.box[2] > style.width or line.box[3] > style.height:
            raise ValueError(f"{text!r} at {at} does not fit on {style.width} x {style.height} px")
        written.append(line)
        glyphs += drawn
    return Scene(image=image, glyphs=tuple(glyphs), lines=tuple(written), ink=style.ink, paper=style.paper)

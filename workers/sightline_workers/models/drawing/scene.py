"""What a drawing holds, beside its pixels: the truth that answers are trained on and checked against."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from PIL.Image import Image

Box = tuple[int, int, int, int]
"""x1, y1, x2, y2 in px; x2 and y2 lie just outside."""

Kind = Literal["button", "field", "menu", "checkbox"]
"""What an element is."""


@dataclass(frozen=True, kw_only=True)
class Glyph:
    """One character, spaces too."""

    char: str
    box: Box
    """Its cell: as wide as the advance, as high as the line."""
    column: int
    """Its index in its line."""
    row: int
    """The index of its line in the scene."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line of text as it is read."""

    text: str
    box: Box


@dataclass(frozen=True, kw_only=True)
class Element:
    """Something that can be clicked."""

    label: str
    box: Box
    """Where a click works."""
    label_box: Box
    """Where its label is written, within `box`."""
    kind: Kind = "button"
    colour: str | None = None
    """The name of a button's fill, one of `colours.PAINTS`."""
    ticked: bool = False
    """Of a checkbox."""

    @property
    def centre(self) -> tuple[int, int]:
        """x, y in px."""
        return (self.box[0] + self.box[2]) // 2, (self.box[1] + self.box[3]) // 2


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A picture and all that is on it, in reading order."""

    image: Image
    """RGB; both sides are multiples of 32 px, so that the model sees it pixel by pixel."""
    glyphs: tuple[Glyph, ...]
    lines: tuple[Line, ...]
    elements: tuple[Element, ...] = ()
    ink: str = "black"
    """The name of the colour that a page's lines are written in."""
    paper: str = "white"
    """The name of the colour of a page."""

    @property
    def text(self) -> str:
        """All lines, one under the other."""
        return "\n".join(line.text for line in self.lines)

"""A window: a title bar and buttons with labels, as a desktop program shows them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw

from . import fonts
from .colours import NAMES, RGB, ink_on
from .scene import Box, Element, Glyph, Line, Scene
from .writing import write_line


@dataclass(frozen=True, kw_only=True)
class Button:
    """A button before it is drawn: where its label begins, and its fill."""

    label: str
    at: tuple[int, int]
    """Top left corner of the label, px."""
    colour: str = "grey"
    fill: RGB | None = None


@dataclass(frozen=True, kw_only=True)
class WindowStyle:
    """How a window looks. Lengths in px."""

    width: int = 320
    height: int = 192
    title: str = ""
    title_at: tuple[int, int] = (0, 0)
    face: fonts.Face = "DejaVuSansMono"
    size: int = 26
    bar: str = "blue"
    body: str = "white"
    pad_x: int = 10
    pad_y: int = 6


def draw_window(buttons: Sequence[Button], style: WindowStyle) -> Scene:
    """Draw a window with `buttons`; its lines are the title and the labels, in that order."""
    image = Image.new("RGB", (style.width, style.height), NAMES[style.body])
    draw = ImageDraw.Draw(image)
    height = fonts.line_height(style.face, style.size)
    draw.rectangle((0, 0, style.width, style.title_at[1] + height - 1), fill=NAMES[style.bar])
    lines: list[Line] = []
    glyphs: list[Glyph] = []
    if style.title:
        line, drawn = write_line(
            draw,
            at=style.title_at,
            text=style.title,
            row=0,
            face=style.face,
            size=style.size,
            ink=NAMES[ink_on(style.bar)],
        )
        lines.append(line)
        glyphs += drawn
    elements = []
    for row, button in enumerate(buttons, start=len(lines)):
        box = _button_box(button, style)
        draw.rounded_rectangle(
            (box[0], box[1], box[2] - 1, box[3] - 1),
            radius=6,
            fill=button.fill or NAMES[button.colour],
            outline=(90, 90, 90),
        )
        line, drawn = write_line(
            draw,
            at=button.at,
            text=button.label,
            row=row,
            face=style.face,
            size=style.size,
            ink=NAMES[ink_on(button.colour)],
        )
        lines.append(line)
        glyphs += drawn
        elements.append(Element(label=button.label, box=box, colour=button.colour))
    return Scene(image=image, glyphs=tuple(glyphs), lines=tuple(lines), elements=tuple(elements))


def _button_box(button: Button, style: WindowStyle) -> Box:
    """The label's cell with the padding around it, within the window."""
    x, y = button.at
    width = round(fonts.font(style.face, style.size).getlength(button.label))
    height = fonts.line_height(style.face, style.size)
    return (
        max(0, x - style.pad_x),
        max(0, y - style.pad_y),
        min(style.width, x + width + style.pad_x),
        min(style.height, y + height + style.pad_y),
    )

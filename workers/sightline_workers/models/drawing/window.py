"""A window or a phone's screen: a title, a menu bar, and buttons, fields and checkboxes with labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw

from . import fonts
from .colours import RGB
from .scene import Box, Element, Glyph, Kind, Line, Scene
from .themes import LIGHT, Theme
from .writing import write_line

TICK_BOX = 22
"""Edge of a checkbox's square, px."""

GAP = 8
"""Between a label and its square, px."""


@dataclass(frozen=True, kw_only=True)
class Control:
    """Something with a label, before it is drawn."""

    label: str
    at: tuple[int, int]
    """Top left corner of the label; of the square where it is a checkbox. px."""
    kind: Kind = "button"
    colour: str = "grey"
    """Of a button."""
    fill: RGB | None = None
    """The very shade of a button."""
    room: int = 60
    """How far a field goes on behind its label, px."""
    ticked: bool = False
    """Of a checkbox."""


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
    theme: Theme = LIGHT
    body_rgb: RGB | None = None
    """The very shade; the theme's own where it is not given."""
    pad_x: int = 10
    pad_y: int = 6

    @property
    def line(self) -> int:
        """Height of a line of text."""
        return fonts.line_height(self.face, self.size)

    @property
    def bar_height(self) -> int:
        """Of the title bar."""
        return self.title_at[1] + self.line

    def wide(self, text: str) -> int:
        """Width of `text`."""
        return fonts.width(self.face, self.size, text)


def extent(control: Control, style: WindowStyle) -> Box:
    """The box around all of `control`, padding included."""
    (x, y), width, height = control.at, style.wide(control.label), style.line
    if control.kind == "field":
        return (x - style.pad_x, y - style.pad_y, x + width + control.room, y + height + style.pad_y)
    if control.kind == "checkbox":
        return (x, y, x + TICK_BOX + GAP + width + style.pad_x, y + height)
    pad = 0 if control.kind == "menu" else style.pad_y
    return (x - style.pad_x, y - pad, x + width + style.pad_x, y + height + pad)


def _draw_button(draw: ImageDraw.ImageDraw, control: Control, style: WindowStyle) -> Box:
    box = _within(extent(control, style), style)
    fill = control.fill or style.theme.paints[control.colour]
    draw.rounded_rectangle(
        (box[0], box[1], box[2] - 1, box[3] - 1), radius=6, fill=fill, outline=style.theme.outline
    )
    return box


def _draw_field(draw: ImageDraw.ImageDraw, control: Control, style: WindowStyle) -> Box:
    box = _within(extent(control, style), style)
    theme, edges = style.theme, (box[0], box[1], box[2] - 1, box[3] - 1)
    draw.rectangle(edges, fill=theme.field, outline=theme.outline, width=2)
    return box


def _draw_checkbox(draw: ImageDraw.ImageDraw, control: Control, style: WindowStyle) -> Box:
    x, y = control.at
    top = y + (style.line - TICK_BOX) // 2
    end_x, end_y = x + TICK_BOX - 1, top + TICK_BOX - 1
    theme = style.theme
    draw.rectangle((x, top, end_x, end_y), fill=theme.field, outline=theme.outline, width=2)
    if control.ticked:
        draw.line((x + 5, top + 11, x + 9, end_y - 5), fill=theme.tick, width=3)
        draw.line((x + 9, end_y - 5, end_x - 4, top + 5), fill=theme.tick, width=3)
    return _within(extent(control, style), style)


def _label_at(control: Control) -> tuple[int, int]:
    x, y = control.at
    return (x + TICK_BOX + GAP, y) if control.kind == "checkbox" else (x, y)


def draw_window(controls: Sequence[Control], style: WindowStyle) -> Scene:
    """Draw a window with `controls`; its lines are the title and the labels, in that order."""
    image = Image.new("RGB", (style.width, style.height), style.body_rgb or style.theme.body)
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, style.width, style.bar_height - 1), fill=style.theme.paints[style.bar])
    items = [control for control in controls if control.kind == "menu"]
    if items:
        draw.rectangle(
            (0, items[0].at[1], style.width, items[0].at[1] + style.line - 1), fill=style.theme.menu
        )
    lines: list[Line] = []
    glyphs: list[Glyph] = []

    def write(text: str, at: tuple[int, int]) -> None:
        line, drawn = write_line(
            draw, at=at, text=text, row=len(lines), face=style.face, size=style.size, ink=style.theme.ink
        )
        lines.append(line)
        glyphs.extend(drawn)

    if style.title:
        write(style.title, style.title_at)
    painters = {"button": _draw_button, "field": _draw_field, "checkbox": _draw_checkbox}
    elements = []
    for control in controls:
        box = _within(extent(control, style), style)
        if control.kind in painters:
            box = painters[control.kind](draw, control, style)
        write(control.label, _label_at(control))
        elements.append(
            Element(
                label=control.label,
                kind=control.kind,
                box=box,
                label_box=lines[-1].box,
                colour=control.colour if control.kind == "button" else None,
                ticked=control.ticked,
            )
        )
    return Scene(image=image, glyphs=tuple(glyphs), lines=tuple(lines), elements=tuple(elements))


def _within(box: Box, style: WindowStyle) -> Box:
    """`box`, cut off at the window's edges."""
    x1, y1, x2, y2 = box
    return max(0, x1), max(0, y1), min(style.width, x2), min(style.height, y2)

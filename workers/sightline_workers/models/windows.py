"""Windows and phone screens to point into, from one button to six, on a grid at first and anywhere later."""

from __future__ import annotations

import random
from dataclasses import dataclass

from .drawing import Element, Scene, WindowStyle, colours, draw_window, fonts, words
from .drawing.window import Button

Canvas = tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class WindowLevel:
    """How hard a window is to find a button in."""

    buttons: tuple[int, int]
    """Least and most buttons."""
    titled: bool = True
    coloured: bool = True
    freedom: int = 0
    """How far in px a label may lie from its place on the grid, across and half as far down."""
    longest: int = 7
    """Characters a label."""
    canvases: tuple[Canvas, ...] = ((320, 192),)
    """Widths and heights in px; a batch has one of them. Higher than wide is a phone."""
    sizes: tuple[int, ...] = (26,)
    """Font sizes in px."""
    faces: tuple[fonts.Face, ...] = ("DejaVuSansMono",)
    anywhere: bool = False
    """Buttons lie anywhere, if only they do not touch."""
    missing: float = 0.0
    """How often the wanted button is not there."""


DESK: Canvas = (320, 192)
TALL: Canvas = (320, 224)
PHONE: Canvas = (192, 320)
EVERY: tuple[fonts.Face, ...] = ("DejaVuSansMono", "DejaVuSansMono-Bold", "DejaVuSans", "DejaVuSans-Bold")

LEVELS = (
    WindowLevel(buttons=(1, 1), titled=False, coloured=False),
    WindowLevel(buttons=(2, 2)),
    WindowLevel(buttons=(3, 4)),
    WindowLevel(buttons=(2, 4), freedom=4),
    WindowLevel(buttons=(2, 4), freedom=10),
    WindowLevel(buttons=(2, 4), freedom=20, missing=0.1),
    WindowLevel(buttons=(1, 5), anywhere=True, canvases=(DESK, TALL), missing=0.1),
    WindowLevel(buttons=(1, 5), anywhere=True, canvases=(DESK, TALL, PHONE), missing=0.1),
    WindowLevel(buttons=(1, 6), anywhere=True, canvases=(DESK, TALL, PHONE), sizes=(24, 26), missing=0.1),
    WindowLevel(
        buttons=(1, 6),
        anywhere=True,
        canvases=(DESK, TALL, PHONE),
        sizes=(20, 22, 24, 26),
        faces=EVERY,
        missing=0.1,
    ),
)
"""Each level goes a little beyond the one before it."""

PLACES = ((32, 64), (192, 64), (32, 128), (192, 128))
"""Where labels begin, in px: the corners of image tokens."""


Placed = list[tuple[tuple[int, int], str]]
"""Where labels begin, in px, and the labels; from top to bottom."""


def _on_grid(rng: random.Random, level: WindowLevel, labels: list[str]) -> Placed:
    """The labels in their places, moved by up to the level's freedom."""
    across, down = level.freedom, min(level.freedom // 2, 16)
    places = sorted(rng.sample(PLACES, len(labels)), key=lambda place: (place[1], place[0]))
    moved = [(x + rng.randint(-across, across), y + rng.randint(-down, down)) for x, y in places]
    return list(zip(moved, labels, strict=True))


def _anywhere(rng: random.Random, labels: list[str], canvas: Canvas, style: WindowStyle) -> Placed:
    """The labels so that no two buttons touch; those that find no place in some tries are left out."""
    font, height = fonts.font(style.face, style.size), fonts.line_height(style.face, style.size)
    taken: list[tuple[int, int, int, int]] = []
    placed: Placed = []
    top = height + style.pad_y + 2
    for label in labels:
        width = round(font.getlength(label))
        for _ in range(40):
            x = rng.randint(style.pad_x, canvas[0] - width - style.pad_x)
            y = rng.randint(top, canvas[1] - height - style.pad_y)
            box = (
                x - 2 * style.pad_x,
                y - 2 * style.pad_y,
                x + width + style.pad_x,
                y + height + style.pad_y,
            )
            if all(box[0] > o[2] or o[0] > box[2] or box[1] > o[3] or o[1] > box[3] for o in taken):
                taken.append(box)
                placed.append(((x, y), label))
                break
    return sorted(placed, key=lambda one: (one[0][1], one[0][0]))


def draw(rng: random.Random, number: int, shared: random.Random) -> Scene:
    """A window of level `number` whose labels all differ; `shared` decides the size for all of a batch."""
    level = LEVELS[number]
    canvas = shared.choice(level.canvases)
    labels: list[str] = []
    for _ in range(rng.randint(*level.buttons)):
        label = words.label(rng, level.longest - (1 if level.freedom > 8 else 0))
        if label not in labels:
            labels.append(label)
    style = _style(rng, level, canvas)
    placed = _anywhere(rng, labels, canvas, style) if level.anywhere else _on_grid(rng, level, labels)
    buttons = []
    for at, label in placed:
        colour = rng.choice(colours.FILLS) if level.coloured else "grey"
        buttons.append(Button(label=label, at=at, colour=colour, fill=colours.shade(rng, colour)))
    return draw_window(buttons, style)


def _style(rng: random.Random, level: WindowLevel, canvas: Canvas) -> WindowStyle:
    free = level.freedom or (16 if level.anywhere else 0)
    title = rng.choice(words.TITLES) if level.titled and rng.random() < 0.8 else ""
    return WindowStyle(
        width=canvas[0],
        height=canvas[1],
        title=title,
        title_at=(16 + rng.randint(-free, free) // 2, 0) if level.titled else (0, 0),
        bar=rng.choice(("blue", "grey", "purple", "green", "black")) if level.coloured else "blue",
        face=rng.choice(level.faces),
        size=rng.choice(level.sizes),
    )


def absent(rng: random.Random, scene: Scene) -> str:
    """A label that no button of `scene` has."""
    while True:
        label = words.label(rng, 6)
        if all(label != element.label for element in scene.elements):
            return label


def question(
    rng: random.Random, number: int, shared: random.Random
) -> tuple[Scene, str, str, Element | None]:
    """A window of level `number`, a closed question about it, the answer, and the button it is about."""
    scene = draw(rng, number, shared)
    element = rng.choice(scene.elements)
    kind = rng.randrange(4)
    if kind == 0:
        return scene, "How many buttons are there?", str(len(scene.elements)), None
    if kind <= 2:
        return scene, f"What colour is the button {element.label}?", element.colour, element
    if rng.random() < 0.5:
        return scene, f"Is there a button {element.label}?", "Yes", element
    return scene, f"Is there a button {absent(rng, scene)}?", "No", None

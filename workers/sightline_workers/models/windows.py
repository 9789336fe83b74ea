"""Windows and phone screens to point into, from one button to six controls, on a grid at first and anywhere later."""

from __future__ import annotations

import random
from dataclasses import dataclass

from .drawing import Control, Element, Scene, WindowStyle, colours, draw_window, fonts, themes, words
from .drawing.scene import Box, Kind
from .drawing.window import extent

Canvas = tuple[int, int]

DESK: Canvas = (320, 192)
TALL: Canvas = (352, 224)
PHONE: Canvas = (224, 320)
EVERY: tuple[fonts.Face, ...] = ("DejaVuSansMono", "DejaVuSansMono-Bold", "DejaVuSans", "DejaVuSans-Bold")


@dataclass(frozen=True, kw_only=True)
class WindowLevel:
    """How hard a window is to find something in."""

    controls: tuple[int, int]
    """Least and most of them."""
    freedom: int = 0
    """How far in px a label may lie from its place on the grid, across and half as far down."""
    anywhere: bool = False
    """Controls lie anywhere, if only they do not touch; otherwise on a grid."""
    kinds: bool = False
    """Not only buttons."""
    canvases: tuple[Canvas, ...] = (DESK,)
    """Widths and heights in px; a batch has one of them. Higher than wide is a phone."""
    sizes: tuple[int, ...] = (26,)
    """Font sizes in px."""
    faces: tuple[fonts.Face, ...] = ("DejaVuSansMono",)
    missing: float = 0.0
    """How often the wanted control is not there."""
    steps: bool = False
    """Tasks of more than one step: what was done before is told."""
    theme: themes.Theme = themes.LIGHT


LEVELS = (
    WindowLevel(controls=(1, 1)),
    WindowLevel(controls=(2, 2)),
    WindowLevel(controls=(2, 4), freedom=8),
    WindowLevel(controls=(1, 4), anywhere=True, canvases=(DESK, TALL)),
    WindowLevel(controls=(1, 6), anywhere=True, canvases=(DESK, TALL), missing=0.1),
    WindowLevel(controls=(1, 6), anywhere=True, canvases=(DESK, TALL, PHONE), missing=0.15),
    WindowLevel(
        controls=(1, 6), anywhere=True, kinds=True, canvases=(DESK, TALL, PHONE), missing=0.15, steps=True
    ),
    WindowLevel(
        controls=(1, 6),
        anywhere=True,
        kinds=True,
        canvases=(DESK, TALL, PHONE),
        missing=0.15,
        steps=True,
        sizes=(22, 24, 26),
        faces=EVERY,
    ),
    WindowLevel(
        controls=(1, 6),
        anywhere=True,
        kinds=True,
        canvases=(DESK, TALL, PHONE),
        missing=0.15,
        steps=True,
        theme=themes.DARK,
    ),
)
"""Each level goes a little beyond the one before it."""

EVERYTHING = 6
"""The level with every kind of control and of task."""

DARK = 8
"""The same with dark windows."""

PLACES = ((32, 64), (192, 64), (32, 128), (192, 128))
"""Where labels begin on the grid, in px: the corners of image tokens."""

LONGEST = 7
"""Characters a label."""

TRIES = 40
"""How often a place is looked for before a control is left out."""


def _labels(rng: random.Random, count: int, longest: int) -> list[str]:
    """`count` labels that all differ."""
    found: list[str] = []
    while len(found) < count:
        label = words.label(rng, longest)
        if label not in found:
            found.append(label)
    return found


def _control(rng: random.Random, kind: Kind, label: str, at: tuple[int, int], theme: themes.Theme) -> Control:
    if kind == "button":
        colour = rng.choice(tuple(theme.paints))
        return Control(label=label, at=at, colour=colour, fill=colours.near(rng, theme.paints[colour]))
    return Control(
        label=label,
        at=at,
        kind=kind,
        room=rng.randint(24, 80),
        ticked=kind == "checkbox" and rng.random() < 0.5,
    )


def _on_grid(rng: random.Random, level: WindowLevel) -> list[Control]:
    """Buttons in their places, moved by up to the level's freedom."""
    across, down = level.freedom, level.freedom // 2
    places = rng.sample(PLACES, rng.randint(*level.controls))
    labels = _labels(rng, len(places), LONGEST - (1 if level.freedom else 0))
    moved = [(x + rng.randint(-across, across), y + rng.randint(-down, down)) for x, y in places]
    return [_control(rng, "button", label, at, level.theme) for label, at in zip(labels, moved, strict=True)]


def _menu(rng: random.Random, style: WindowStyle) -> list[Control]:
    """Two or three words in a bar below the title."""
    controls: list[Control] = []
    x = style.pad_x + rng.randint(0, 12)
    for label in _labels(rng, rng.randint(2, 3), 5):
        control = _control(rng, "menu", label, (x, style.bar_height), style.theme)
        if extent(control, style)[2] > style.width:
            break
        controls.append(control)
        x += style.wide(label) + 2 * style.pad_x + rng.randint(0, 8)
    return controls


def _spots(rng: random.Random, size: tuple[int, int], top: int, style: WindowStyle) -> list[tuple[int, int]]:
    """Where the corner of a control of `size` (px) is tried to be put: in rows of one height, or just anywhere."""
    across, down = style.width - size[0], style.height - size[1]
    if across < 0 or down < top:
        return []
    return [(rng.randint(0, across), rng.randint(top, down)) for _ in range(TRIES)]


def _anywhere(rng: random.Random, level: WindowLevel, style: WindowStyle) -> list[Control]:
    """Controls so that no two touch; those that find no place in some tries are left out."""
    count = rng.randint(*level.controls)
    controls = _menu(rng, style)[:count] if level.kinds and count > 1 and rng.random() < 0.35 else []
    top = style.bar_height + (style.line if controls else 0) + 2
    taken: list[Box] = []
    # Rows that start at one height each hold more controls than places at random do.
    pitch = style.line + 2 * style.pad_y + rng.randint(2, 8) if rng.random() < 0.6 else 0
    labels = [one for one in _labels(rng, count + 3, LONGEST) if one not in {c.label for c in controls}]
    for label in labels[: count - len(controls)]:
        kind: Kind = rng.choice(("button", "button", "field", "checkbox")) if level.kinds else "button"
        control = _control(rng, kind, label, (0, 0), style.theme)
        x1, y1, x2, y2 = extent(control, style)
        for x, y in _spots(rng, (x2 - x1, y2 - y1), top, style):
            row = top + (y - top) // pitch * pitch if pitch else y
            box = (x - 3, row - 2, x + x2 - x1 + 3, row + y2 - y1 + 2)
            if all(box[0] >= o[2] or o[0] >= box[2] or box[1] >= o[3] or o[1] >= box[3] for o in taken):
                taken.append(box)
                controls.append(_moved(control, (x - x1, row - y1)))
                break
    return controls


def _moved(control: Control, at: tuple[int, int]) -> Control:
    return Control(**{**vars(control), "at": at})


def _style(rng: random.Random, level: WindowLevel, canvas: Canvas) -> WindowStyle:
    free = 16 if level.anywhere else level.freedom
    return WindowStyle(
        width=canvas[0],
        height=canvas[1],
        title=rng.choice(words.TITLES) if rng.random() < 0.8 else "",
        title_at=(16 + rng.randint(-free, free) // 2, rng.randint(0, 3) if level.anywhere else 0),
        bar=rng.choice(("blue", "grey", "purple", "green")),
        face=rng.choice(level.faces),
        size=rng.choice(level.sizes),
        theme=level.theme,
        body_rgb=colours.near(rng, level.theme.body),
    )


def draw(rng: random.Random, number: int, shared: random.Random) -> Scene:
    """A window of level `number` whose labels all differ; `shared` decides the size for all of a batch."""
    level = LEVELS[number]
    style = _style(rng, level, shared.choice(level.canvases))
    controls = _anywhere(rng, level, style) if level.anywhere else _on_grid(rng, level)
    return draw_window(sorted(controls, key=lambda one: (one.at[1], one.at[0])), style)


def absent(rng: random.Random, scene: Scene) -> str:
    """A label that nothing in `scene` has."""
    shown = {line.text for line in scene.lines}
    while True:
        label = words.label(rng, 6)
        if label not in shown:
            return label


def question(rng: random.Random, scene: Scene) -> tuple[str, str, Element | None]:
    """A closed question about a window, the answer, and the element to look at for it."""
    buttons = [element for element in scene.elements if element.kind == "button"]
    boxes = [element for element in scene.elements if element.kind == "checkbox"]
    asked = rng.choice(("count", "colour", "colour", "there", "there", "ticked", "ticked"))
    if asked == "ticked" and boxes:
        box = rng.choice(boxes)
        return f"Is the box {box.label} ticked?", "Yes" if box.ticked else "No", box
    if asked == "colour" and buttons:
        button = rng.choice(buttons)
        return f"What colour is the button {button.label}?", str(button.colour), button
    if asked == "there" and buttons and rng.random() < 0.5:
        button = rng.choice(buttons)
        return f"Is there a button {button.label}?", "Yes", button
    if asked == "there":
        return f"Is there a button {absent(rng, scene)}?", "No", None
    return "How many buttons are there?", str(len(buttons)), buttons[-1] if buttons else None

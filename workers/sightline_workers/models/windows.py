"""Windows to point into, from one button to six, on a grid at first and anywhere later."""

from __future__ import annotations

import random
from dataclasses import dataclass

from .drawing import Scene, WindowStyle, colours, draw_window, words
from .drawing.window import Button


@dataclass(frozen=True, kw_only=True)
class WindowLevel:
    """How hard a window is to find a button in."""

    buttons: tuple[int, int]
    """Least and most buttons."""
    titled: bool = True
    coloured: bool = True
    freedom: int = 0
    """How far in px a label may lie from its place on the grid, across and down."""
    longest: int = 7
    """Characters a label."""


LEVELS = (
    WindowLevel(buttons=(1, 1), titled=False, coloured=False),
    WindowLevel(buttons=(1, 2)),
    WindowLevel(buttons=(1, 4)),
    WindowLevel(buttons=(2, 4), freedom=4),
    WindowLevel(buttons=(2, 4), freedom=8),
    WindowLevel(buttons=(2, 4), freedom=16),
)
"""Each level goes a little beyond the one before it."""

PLACES = ((32, 64), (192, 64), (32, 128), (192, 128))
"""Where labels begin, in px: the corners of image tokens."""


def draw(rng: random.Random, number: int) -> Scene:
    """A window of level `number` whose labels all differ."""
    level = LEVELS[number]
    places = rng.sample(PLACES, rng.randint(*level.buttons))
    labels: list[str] = []
    while len(labels) < len(places):
        label = words.label(rng, level.longest - (1 if level.freedom > 8 else 0))
        if label not in labels:
            labels.append(label)
    buttons = []
    for (x, y), label in zip(sorted(places, key=lambda place: (place[1], place[0])), labels, strict=True):
        at = (
            x + rng.randint(-min(level.freedom, 20), level.freedom),
            y + rng.randint(-min(level.freedom // 2, 16), min(level.freedom // 2, 16)),
        )
        colour = rng.choice(colours.FILLS) if level.coloured else "grey"
        buttons.append(Button(label=label, at=at, colour=colour, fill=colours.shade(rng, colour)))
    title = rng.choice(words.TITLES) if level.titled and rng.random() < 0.8 else ""
    return draw_window(buttons, _style(rng, level, title))


def _style(rng: random.Random, level: WindowLevel, title: str) -> WindowStyle:
    at = (16 + rng.randint(-level.freedom, level.freedom) // 2, 0) if level.titled else (0, 0)
    bar = rng.choice(("blue", "grey", "purple", "green", "black")) if level.coloured else "blue"
    return WindowStyle(title=title, title_at=at, bar=bar)


def question(rng: random.Random, number: int) -> tuple[Scene, str, str]:
    """A window of level `number`, a closed question about it and the answer."""
    scene = draw(rng, number)
    element = rng.choice(scene.elements)
    kind = rng.randrange(3)
    if kind == 0:
        return scene, "How many buttons are there?", str(len(scene.elements))
    if kind == 1:
        return scene, f"What colour is the button {element.label}?", element.colour
    wanted = element.label if rng.random() < 0.5 else words.label(rng, 6)
    there = any(wanted == other.label for other in scene.elements)
    return scene, f"Is there a button {wanted}?", "Yes" if there else "No"

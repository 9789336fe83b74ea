"""Pages to read, from one black digit to three lines of anything, anywhere."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

from .config import PATCH
from .drawing import PageStyle, Scene, colours, draw_page, fonts, words


@dataclass(frozen=True, kw_only=True)
class PageLevel:
    """How hard a page is to read."""

    charset: str
    shortest: int
    longest: int
    """Characters a line."""
    rows: int
    """Most lines."""
    coloured: bool = False
    freedom: int = 0
    """How far in px the text may begin from the corner, across and down."""
    stepped: bool = False
    """The text begins at a corner of the patches' grid, anywhere on the page."""
    sizes: tuple[int, ...] = (26,)
    """Font sizes in px."""
    faces: tuple[fonts.Face, ...] = ("DejaVuSansMono",)
    canvases: tuple[tuple[int, int], ...] = ((320, 96),)
    """Widths and heights in px; a batch has one of them."""


def _any(**changes: Any) -> PageLevel:
    """A level of up to three lines of up to twenty characters of anything."""
    return PageLevel(charset=words.PRINTED, shortest=1, longest=20, rows=3, coloured=True, **changes)


WIDE = ((352, 128), (320, 128), (384, 96), (352, 160))
MONO: tuple[fonts.Face, ...] = ("DejaVuSansMono", "DejaVuSansMono-Bold")
SANS: tuple[fonts.Face, ...] = ("DejaVuSans", "DejaVuSans-Bold")

LEVELS = (
    PageLevel(charset=words.DIGITS, shortest=1, longest=3, rows=1),
    PageLevel(charset=words.UPPER, shortest=1, longest=5, rows=1),
    PageLevel(charset=words.LETTERS, shortest=1, longest=8, rows=1, coloured=True),
    PageLevel(charset=words.PRINTED, shortest=1, longest=12, rows=1, coloured=True),
    PageLevel(charset=words.PRINTED, shortest=1, longest=12, rows=2, coloured=True),
    _any(stepped=True),
    *(_any(freedom=freedom, canvases=((352, 128),)) for freedom in (3, 6, 12, 20, 32, 352)),
    _any(freedom=352, canvases=WIDE),
    _any(freedom=352, canvases=WIDE, sizes=(24, 25, 26)),
    _any(freedom=352, canvases=WIDE, sizes=(22, 23, 24, 25, 26), faces=MONO),
    _any(freedom=352, canvases=WIDE, sizes=(20, 21, 22, 24, 26), faces=MONO),
    _any(freedom=352, canvases=WIDE, sizes=(20, 22, 24, 26), faces=(*MONO, *SANS)),
    _any(freedom=352, canvases=WIDE, sizes=(16, 18, 20, 22, 24, 26, 28), faces=(*MONO, *SANS)),
)
"""Each level goes a little beyond the one before it."""

EASY = 12
"""The level of the easy set: one font, any position, up to three lines of up to twenty characters."""


def _texts(rng: random.Random, level: PageLevel) -> list[str]:
    rows = rng.randint(1, level.rows)
    return [words.line(rng, level.charset, level.shortest, level.longest) for _ in range(rows)]


def _style(rng: random.Random, level: PageLevel, texts: list[str], canvas: tuple[int, int]) -> PageStyle:
    """A style in which `texts` fit: a smaller font where the drawn one is too wide."""
    face, size = rng.choice(level.faces), rng.choice(level.sizes)
    while (
        max(fonts.font(face, size).getlength(text) for text in texts) > canvas[0]
        or fonts.line_height(face, size) * len(texts) > canvas[1]
    ):
        size -= 1
    ink, paper = colours.pair(rng) if level.coloured else ("black", "white")
    height = fonts.line_height(face, size)
    across = canvas[0] - max(round(fonts.font(face, size).getlength(text)) for text in texts)
    down = canvas[1] - height * len(texts)
    if level.stepped:
        left, top = PATCH * rng.randint(0, across // PATCH), 2 * PATCH * rng.randint(0, down // (2 * PATCH))
    else:
        left, top = rng.randint(0, min(level.freedom, across)), rng.randint(0, min(level.freedom, down))
    spare = (canvas[1] - top - height * len(texts)) // len(texts)
    return PageStyle(
        width=canvas[0],
        height=canvas[1],
        left=left,
        top=top,
        leading=height + (rng.randint(0, min(10, spare)) if level.freedom > 32 else 0),
        face=face,
        size=size,
        ink=ink,
        paper=paper,
        ink_rgb=colours.shade(rng, ink),
        paper_rgb=colours.shade(rng, paper),
    )


def draw(rng: random.Random, number: int, shared: random.Random) -> Scene:
    """A page of level `number`; `shared` is the same for all pages of a batch and decides their size."""
    level = LEVELS[number]
    canvas = shared.choice(level.canvases)
    texts = _texts(rng, level)
    return draw_page(texts, _style(rng, level, texts, canvas))

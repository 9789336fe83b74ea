"""Pages to read, from one black digit to three lines of anything, anywhere."""

from __future__ import annotations

import random
from dataclasses import dataclass

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
    sizes: tuple[int, ...] = (26,)
    """Font sizes in px."""
    faces: tuple[fonts.Face, ...] = ("DejaVuSansMono",)
    width: int = 320
    height: int = 96


LEVELS = (
    PageLevel(charset=words.DIGITS, shortest=1, longest=3, rows=1),
    PageLevel(charset=words.UPPER, shortest=1, longest=5, rows=1),
    PageLevel(charset=words.LETTERS, shortest=1, longest=8, rows=1, coloured=True),
    PageLevel(charset=words.PRINTED, shortest=1, longest=12, rows=1, coloured=True),
    PageLevel(charset=words.PRINTED, shortest=1, longest=12, rows=2, coloured=True),
    PageLevel(charset=words.PRINTED, shortest=1, longest=20, rows=3, coloured=True),
    *(
        PageLevel(
            charset=words.PRINTED, shortest=1, longest=20, rows=3, coloured=True, freedom=freedom, width=352, height=128
        )
        for freedom in (2, 4, 6, 9, 12, 16, 20, 24, 28, 32)
    ),
)
"""Each level goes a little beyond the one before it."""


def _texts(rng: random.Random, level: PageLevel) -> list[str]:
    rows = rng.randint(1, level.rows)
    return [words.line(rng, level.charset, level.shortest, level.longest) for _ in range(rows)]


def _style(rng: random.Random, level: PageLevel, texts: list[str]) -> PageStyle:
    """A style in which `texts` fit."""
    face, size = rng.choice(level.faces), rng.choice(level.sizes)
    ink, paper = colours.pair(rng) if level.coloured else ("black", "white")
    height = fonts.line_height(face, size)
    across = level.width - max(round(fonts.font(face, size).getlength(text)) for text in texts)
    down = level.height - height * len(texts)
    return PageStyle(
        width=level.width,
        height=level.height,
        left=rng.randint(0, min(level.freedom, across)),
        top=rng.randint(0, min(level.freedom, down)),
        leading=height,
        face=face,
        size=size,
        ink=ink,
        paper=paper,
        ink_rgb=colours.shade(rng, ink),
        paper_rgb=colours.shade(rng, paper),
    )


def draw(rng: random.Random, number: int) -> Scene:
    """A page of level `number`."""
    level = LEVELS[number]
    texts = _texts(rng, level)
    return draw_page(texts, _style(rng, level, texts))


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
    """Ink of several dark colours on white; otherwise black."""
    mixed: bool = False
    """Ink and paper of any two colours that differ enough, light on dark too."""
    freedom: int = 0
    """How far in px the text may begin from the corner, across and down."""
    stepped: bool = False
    """The text begins at a corner of the patches' grid, anywhere on the page."""
    sizes: tuple[int, ...] = (26,)
    """Font sizes in px."""
    faces: tuple[fonts.Face, ...] = ("DejaVuSansMono",)
    canvases: tuple[tuple[int, int], ...] = ((320, 96),)
    """Widths and heights in px; a batch has one of them."""


def _easy(**changes: Any) -> PageLevel:
    """A level of up to three lines of up to twenty characters, dark on light."""
    return PageLevel(charset=words.PLAIN, shortest=1, longest=20, rows=3, coloured=True, **changes)


def _wide(**changes: Any) -> PageLevel:
    """A level of up to three lines of up to twenty characters with all punctuation, in any colours, anywhere."""
    return PageLevel(
        charset=words.PRINTED,
        shortest=1,
        longest=20,
        rows=3,
        mixed=True,
        freedom=352,
        canvases=WIDE,
        **changes,
    )


WIDE = ((352, 128), (320, 128), (384, 96), (352, 160))
MONO: tuple[fonts.Face, ...] = ("DejaVuSansMono", "DejaVuSansMono-Bold")
SANS: tuple[fonts.Face, ...] = ("DejaVuSans", "DejaVuSans-Bold")

LEVELS = (
    PageLevel(charset=words.DIGITS, shortest=1, longest=3, rows=1),
    PageLevel(charset=words.UPPER, shortest=1, longest=5, rows=1),
    PageLevel(charset=words.LETTERS, shortest=1, longest=8, rows=1),
    PageLevel(charset=words.PLAIN, shortest=1, longest=12, rows=1),
    PageLevel(charset=words.PLAIN, shortest=1, longest=12, rows=2, coloured=True),
    _easy(stepped=True),
    *(_easy(freedom=freedom, canvases=((352, 128),)) for freedom in (3, 6, 12, 20, 32, 352)),
    _easy(freedom=352, canvases=WIDE),
    _wide(),
    _wide(sizes=(24, 25, 26), faces=MONO),
    _wide(sizes=(20, 22, 24, 26), faces=(*MONO, *SANS)),
)
"""Each level goes a little beyond the one before it."""

EASY = 12
"""The level of the easy set: one font, any position, up to three lines of up to twenty characters."""


def _texts(rng: random.Random, level: PageLevel) -> list[str]:
    rows = rng.randint(1, level.rows)
    return [words.line(rng, level.charset, level.shortest, level.longest) for _ in range(rows)]


def _colours(rng: random.Random, *, coloured: bool, mixed: bool) -> tuple[str, str]:
    """Names of ink and paper."""
    if mixed:
        return colours.pair(rng)
    return (rng.choice(colours.INKS) if coloured else "black"), "white"


def _style(rng: random.Random, level: PageLevel, texts: list[str], canvas: tuple[int, int]) -> PageStyle:
    """A style in which `texts` fit: a smaller font where the drawn one is too wide."""
    face, size = rng.choice(level.faces), rng.choice(level.sizes)
    while (
        max(fonts.width(face, size, text) for text in texts) > canvas[0]
        or fonts.line_height(face, size) * len(texts) > canvas[1]
    ):
        size -= 1
    ink, paper = _colours(rng, coloured=level.coloured, mixed=level.mixed)
    height = fonts.line_height(face, size)
    across = canvas[0] - max(fonts.width(face, size, text) for text in texts)
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


DENSE = ((352, 96), (320, 128), (256, 128), (192, 160), (224, 160), (352, 128), (384, 96), (352, 160))
"""Widths and heights in px of the pages that the vision tower learns characters from."""

DENSE_FONTS: tuple[tuple[tuple[fonts.Face, ...], tuple[int, ...]], ...] = (
    (("DejaVuSansMono",), (26,)),
    (("DejaVuSansMono",), (26,)),
    (MONO, (22, 24, 26)),
    ((*MONO, *SANS), (20, 22, 24, 26)),
)
"""Faces and sizes of those pages, from few to many."""


def dense(rng: random.Random, level: int, shared: random.Random) -> Scene:
    """A page with about as many characters as fit anywhere on it, in lines that may begin at places of their own."""
    faces, sizes = DENSE_FONTS[min(level, len(DENSE_FONTS) - 1)]
    canvas, face, size = shared.choice(DENSE), rng.choice(faces), rng.choice(sizes)
    height = fonts.line_height(face, size)
    # Lines that fill the page to its edge could lie in a few places only.
    most = (canvas[1] - PATCH) // height
    rows = rng.randint(1, most) if rng.random() < 0.3 else most
    texts = []
    for _ in range(rows):
        # What is easily mistaken comes twice as often.
        charset = (words.PRINTED if level else words.PLAIN) + words.ALIKE
        text = words.code(rng, charset + " ", rng.randint(1, 24)).strip() or "-"
        if rng.random() < 0.7:
            text = text + words.code(rng, charset, 24)
        while fonts.width(face, size, text) > canvas[0]:
            text = text[:-1].rstrip()
        texts.append(text)
    spare = canvas[1] - rows * height
    top = rng.randint(0, spare)
    # Light on dark comes with the second level.
    ink, paper = _colours(rng, coloured=True, mixed=level > 0 and rng.random() < 0.5)
    return draw_page(
        texts,
        PageStyle(
            width=canvas[0],
            height=canvas[1],
            top=top,
            leading=height + (rng.randint(0, (spare - top) // (rows - 1)) if rows > 1 else 0),
            face=face,
            size=size,
            ink=ink,
            paper=paper,
            ink_rgb=colours.shade(rng, ink),
            paper_rgb=colours.shade(rng, paper),
        ),
        lefts=_lefts(rng, [fonts.width(face, size, text) for text in texts], canvas[0]),
    )


def _lefts(rng: random.Random, widths: list[int], width: int) -> list[int]:
    """Where lines begin, in px: all at one place, or each at its own."""
    if rng.random() < 0.5:
        return [rng.randint(0, max(0, width - max(widths)))] * len(widths)
    return [rng.randint(0, max(0, width - one)) for one in widths]

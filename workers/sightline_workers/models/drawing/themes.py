"""What windows are painted with: light ones and dark ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .colours import NAMES, RGB


@dataclass(frozen=True, kw_only=True)
class Theme:
    """The colours of a window."""

    ink: RGB
    """Of everything that is written."""
    body: RGB
    paints: Mapping[str, RGB]
    """Of buttons and title bars, by the names that are asked for."""
    menu: RGB
    """Of the menu bar."""
    field: RGB
    """Of fields and checkboxes."""
    outline: RGB
    tick: RGB


LIGHT = Theme(
    ink=NAMES["black"],
    body=NAMES["white"],
    paints={
        "white": (250, 250, 250),
        "grey": (200, 200, 200),
        "red": (250, 165, 160),
        "green": (160, 225, 165),
        "blue": (165, 195, 250),
        "yellow": (250, 235, 140),
        "purple": (220, 175, 240),
    },
    menu=(205, 205, 205),
    field=(255, 255, 255),
    outline=(90, 90, 90),
    tick=NAMES["blue"],
)

DARK = Theme(
    ink=(236, 236, 236),
    body=(38, 38, 42),
    paints={
        "black": (8, 8, 8),
        "grey": (88, 88, 88),
        "red": (140, 36, 36),
        "green": (24, 98, 48),
        "blue": (32, 66, 155),
        "yellow": (125, 105, 14),
        "purple": (98, 44, 128),
    },
    menu=(62, 62, 66),
    field=(14, 14, 16),
    outline=(150, 150, 150),
    tick=(110, 165, 255),
)

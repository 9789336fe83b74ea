"""Colours by name, and pairs of them that can be read."""

from __future__ import annotations

import random

RGB = tuple[int, int, int]

NAMES: dict[str, RGB] = {
    "black": (16, 16, 16),
    "white": (250, 250, 250),
    "grey": (150, 150, 150),
    "red": (200, 30, 30),
    "green": (20, 130, 50),
    "blue": (30, 80, 200),
    "yellow": (240, 200, 30),
    "purple": (130, 50, 160),
}

TINTS: dict[str, RGB] = {
    "white": (250, 250, 250),
    "grey": (200, 200, 200),
    "red": (250, 165, 160),
    "green": (160, 225, 165),
    "blue": (165, 195, 250),
    "yellow": (250, 235, 140),
    "purple": (220, 175, 240),
}
"""The light shades that windows are painted with; their text is black."""

INKS = ("black", "blue", "purple", "red", "green")
"""Colours of text on white."""

FILLS = ("white", "grey", "red", "green", "blue", "yellow", "purple")
"""Colours that buttons have."""


def luminance(colour: RGB) -> float:
    """Perceived lightness, 0 to 255 (ITU-R BT.601)."""
    red, green, blue = colour
    return 0.299 * red + 0.587 * green + 0.114 * blue


def shade(rng: random.Random, name: str) -> RGB:
    """`name` as it differs from picture to picture."""
    return _near(rng, NAMES[name])


def tint(rng: random.Random, name: str) -> RGB:
    """The light shade of `name` as it differs from window to window."""
    return _near(rng, TINTS[name])


def _near(rng: random.Random, colour: RGB) -> RGB:
    red, green, blue = (min(255, max(0, value + rng.randint(-12, 12))) for value in colour)
    return red, green, blue


def pair(rng: random.Random) -> tuple[str, str]:
    """Ink and paper that differ enough to be read, dark on light more often than light on dark."""
    while True:
        ink, paper = rng.choice(tuple(NAMES)), rng.choice(tuple(NAMES))
        contrast = luminance(NAMES[paper]) - luminance(NAMES[ink])
        if contrast > 90 or (contrast < -90 and rng.random() < 0.6):
            return ink, paper

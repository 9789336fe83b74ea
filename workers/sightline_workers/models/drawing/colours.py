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

INKS = ("black", "blue", "purple", "red", "green")
"""Colours of text on white."""

PAINTS = ("white", "grey", "red", "green", "blue", "yellow", "purple", "black")
"""Colours that buttons have, white in light windows alone and black in dark ones."""


def luminance(colour: RGB) -> float:
    """Perceived lightness, 0 to 255 (ITU-R BT.601)."""
    red, green, blue = colour
    return 0.299 * red + 0.587 * green + 0.114 * blue


def shade(rng: random.Random, name: str) -> RGB:
    """`name` as it differs from picture to picture."""
    return near(rng, NAMES[name])


def near(rng: random.Random, colour: RGB) -> RGB:
    """`colour` as it differs from picture to picture."""
    red, green, blue = (min(255, max(0, value + rng.randint(-12, 12))) for value in colour)
    return red, green, blue


def pair(rng: random.Random) -> tuple[str, str]:
    """Ink and paper that differ enough to be read, dark on light more often than light on dark."""
    while True:
        ink, paper = rng.choice(tuple(NAMES)), rng.choice(tuple(NAMES))
        contrast = luminance(NAMES[paper]) - luminance(NAMES[ink])
        if contrast > 90 or (contrast < -90 and rng.random() < 0.6):
            return ink, paper

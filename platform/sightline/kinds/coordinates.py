"""From the model's grid to pixels.

Qwen3-VL answers on a grid relative to the original image: 0–1000, or 0–999 for mobile_use, whose cookbook
says 999 × 999. `px = min(size − 1, round(v / divisor · size))`; values beyond the grid are clamped to it and
flagged.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

GRID = 1000
"""Divisor of every mode except mobile_use."""
MOBILE_GRID = 999
"""Divisor of mobile_use."""

_NUMBER = re.compile(r"[-+]?\d{1,9}(?:\.\d{1,9})?")
_NUMBERS = re.compile(r"[\[(]?\s*" + rf"({_NUMBER.pattern})(?:[\s,;]+({_NUMBER.pattern}))+" + r"\s*[\])]?")


@dataclass(frozen=True, kw_only=True)
class Placed:
    """Coordinates of a point (x, y) or a box (x1, y1, x2, y2) in all their forms."""

    raw: tuple[float, ...]
    """As the model wrote them, on its grid."""
    normalised: tuple[float, ...]
    """0..1 of the image's width and height, clamped, rounded to six digits."""
    pixels: tuple[int, ...]
    """Pixels of the original image, 0..size−1."""
    clamped: bool
    """True: at least one raw value lay beyond the grid."""


def place(values: Sequence[float], *, width: int, height: int, divisor: int = GRID) -> Placed:
    """Place x, y, x, y, … of the grid on an image of width × height pixels."""
    sizes = [width if position % 2 == 0 else height for position in range(len(values))]
    inside = [min(max(value, 0), divisor) for value in values]
    return Placed(
        raw=tuple(values),
        normalised=tuple(round(value / divisor, 6) for value in inside),
        pixels=tuple(
            min(size - 1, round(value / divisor * size)) for value, size in zip(inside, sizes, strict=True)
        ),
        clamped=any(before != after for before, after in zip(values, inside, strict=True)),
    )


def numbers(value: Any, count: int) -> list[float] | None:
    """`count` finite numbers from a list, nested once at most, of numbers or digits, or from a string.

    None when it is anything else.
    """
    if isinstance(value, str):
        if len(value) > 200 or not _NUMBERS.fullmatch(value.strip()):
            return None
        value = _NUMBER.findall(value)
    if isinstance(value, list) and len(value) == 1 and isinstance(value[0], list):
        value = value[0]
    if not isinstance(value, list) or len(value) != count:
        return None
    found = [number(item) for item in value]
    return [item for item in found if item is not None] if None not in found else None


def number(value: Any) -> float | None:
    """A finite int or float, or one written as a string; None when it is anything else, booleans included."""
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        value = float(value) if "." in value else int(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if isinstance(value, int):
        # Beyond any grid anyway; keeps the arithmetic in floats and the output in 64 bits.
        return max(min(value, 10**9), -(10**9))
    return value if math.isfinite(value) else None

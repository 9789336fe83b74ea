"""What each patch of a drawing shows: a second lesson that teaches the vision tower to read before the text can.

Of each 16 x 16 px patch: the character over its centre, that character's place in its line, its line, and the centre
of the clickable element it lies in. The heads that learn this are thrown away at export.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .config import PATCH
from .drawing.scene import Scene
from .patches import order

CLASSES = (98, 26, 8, 101, 101)
"""How many classes each of the five questions has; class 0 says "nothing here"."""


def of_patches(scene: Scene) -> NDArray[np.int64]:
    """(5, patches): character, column, line, x and y of the element's centre, in Qwen's patch order."""
    columns, rows = scene.image.width // PATCH, scene.image.height // PATCH
    grid = np.zeros((len(CLASSES), rows, columns), np.int64)

    def span(low: int, high: int) -> slice:
        # The patches whose centre lies in [low, high).
        return slice(max(0, -(-(low - PATCH // 2) // PATCH)), max(0, -(-(high - PATCH // 2) // PATCH)))

    for glyph in scene.glyphs:
        x1, y1, x2, y2 = glyph.box
        cell = (span(y1, y2), span(x1, x2))
        grid[0][cell] = min(CLASSES[0] - 1, ord(glyph.char) - 31)
        grid[1][cell] = min(CLASSES[1] - 1, glyph.column + 1)
        grid[2][cell] = min(CLASSES[2] - 1, glyph.row + 1)
    for element in scene.elements:
        x1, y1, x2, y2 = element.box
        cell = (span(y1, y2), span(x1, x2))
        x, y = element.centre
        # In hundredths of the picture, as fine as the answers' coordinates are (see `lessons.click`).
        grid[3][cell] = min(CLASSES[3] - 1, 1 + round(x / scene.image.width * 100))
        grid[4][cell] = min(CLASSES[4] - 1, 1 + round(y / scene.image.height * 100))
    return grid.reshape(len(CLASSES), -1)[:, order(rows, columns)]

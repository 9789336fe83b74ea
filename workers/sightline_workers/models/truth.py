"""What each patch of a drawing shows: a second lesson that teaches the vision tower to read before the text can.

Of each 16 x 16 px patch: the character over its centre, that character's place in its line, its line, and the centre
and the colour of the clickable element it lies in. The heads that learn this are thrown away at export.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .config import MERGE, PATCH
from .drawing import colours
from .drawing.scene import Element, Scene
from .patches import order

CLASSES = (98, 26, 8, 101, 101, 1 + len(colours.FILLS))
"""How many classes each of the six questions has; class 0 says "nothing here"."""

LINE_ENDS, TEXT_ENDS = 96, 97
"""What the cell after a line's last character shows: without it, nothing on a page says where to stop reading."""


def of_patches(scene: Scene) -> NDArray[np.int64]:
    """(6, patches): character, column, line, x and y of the element's centre, its colour; in Qwen's patch order."""
    columns, rows = scene.image.width // PATCH, scene.image.height // PATCH
    grid = np.zeros((len(CLASSES), rows, columns), np.int64)

    def span(low: int, high: int) -> slice:
        # The patches whose centre lies in [low, high).
        return slice(max(0, -(-(low - PATCH // 2) // PATCH)), max(0, -(-(high - PATCH // 2) // PATCH)))

    for glyph in scene.glyphs:
        x1, y1, x2, y2 = glyph.box
        _mark(grid, (span(y1, y2), span(x1, x2)), min(95, ord(glyph.char) - 31), glyph.column, glyph.row)
    for row, line in enumerate(scene.lines):
        x, y1, y2 = line.box[2], line.box[1], line.box[3]
        end = TEXT_ENDS if row + 1 == len(scene.lines) or scene.elements else LINE_ENDS
        _mark(grid, (span(y1, y2), span(x, x + PATCH)), end, len(line.text), row)
    for element in scene.elements:
        x1, y1, x2, y2 = element.box
        cell = (span(y1, y2), span(x1, x2))
        x, y = element.centre
        # In hundredths of the picture, as fine as the answers' coordinates are (see `lessons.click`).
        grid[3][cell] = min(CLASSES[3] - 1, 1 + round(x / scene.image.width * 100))
        grid[4][cell] = min(CLASSES[4] - 1, 1 + round(y / scene.image.height * 100))
        grid[5][cell] = 1 + colours.FILLS.index(element.colour)
    return grid.reshape(len(CLASSES), -1)[:, order(rows, columns)]


def of_target(scene: Scene, target: Element | None) -> NDArray[np.bool_]:
    """(image tokens,): which tokens show `target`; none where there is no target."""
    columns, rows = scene.image.width // PATCH // MERGE, scene.image.height // PATCH // MERGE
    shown = np.zeros((rows, columns), np.bool_)
    if target is not None:
        edge = PATCH * MERGE
        x1, y1, x2, y2 = target.box
        # Of the label's tokens: the button without its padding.
        shown[(y1 + 8) // edge : -(-(y2 - 8) // edge), (x1 + 12) // edge : -(-(x2 - 12) // edge)] = True
    return shown.reshape(-1)


def _mark(grid: NDArray[np.int64], cell: tuple[slice, slice], char: int, column: int, row: int) -> None:
    """Write a character's class, its column and its row (counted from 0) into the patches of `cell`."""
    for number, value in enumerate((char, column + 1, row + 1)):
        grid[number][cell] = min(CLASSES[number] - 1, value)

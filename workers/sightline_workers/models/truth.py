"""What each patch of a drawing shows: a second lesson that teaches the vision tower to read before the text can.

Of each 16 x 16 px patch: the character over its centre, that character's place in its line, its line; where it
lies, or a click on it; the colour of the element it lies in; how far the patch's centre is from the character's left
edge and from the top of its line: a page shares these two, and who knows them knows which pieces of strokes belong
together; the element's kind, and its number among the buttons; the characters over its left and its right edge, since
narrow letters lie between two centres; a page's colours of ink and paper; where an element's label begins, its
further characters, without which "Start" was clicked where "Stop" was meant; and on a page, where a line begins and
where it ends, the sides of its box that lie there. The heads that learn this are thrown away at export.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .config import MERGE, PATCH
from .drawing import colours
from .drawing.scene import Box, Element, Line, Scene
from .patches import order
from .tokenizer import STEP

KINDS = (("button", False), ("field", False), ("menu", False), ("checkbox", False), ("checkbox", True))
"""What an element is, and whether it is ticked."""

SHADES = tuple(colours.NAMES)
"""Colours of ink and paper."""

CLASSES = (
    98,
    26,
    8,
    52,
    52,
    1 + len(colours.PAINTS),
    33,
    41,
    1 + len(KINDS),
    8,
    98,
    98,
    1 + len(SHADES),
    1 + len(SHADES),
    *(98,) * 5,
    52,
    52,
)
"""How many classes each of the questions has; class 0 says "nothing here"."""

LETTERS = slice(14, 19)
"""The questions after a label's characters from its second one on."""

BEGINS, ENDS = (3, 4), (19, 20)
"""The questions after the steps of x and y: of a click, or of a line's upper left corner; of its lower right one."""

SIDES = ((10, 3), (11, PATCH - 3))
"""The questions after the characters beside the centre, and how far in px from the patch's left edge those lie."""

EDGE = PATCH * MERGE
"""Side of an image token, px."""

LINE_ENDS, TEXT_ENDS = 96, 97
"""What the cell after a line's last character shows: without it, nothing on a page says where to stop reading."""


def step_of(value: int, side: int) -> int:
    """The step in which `value` (px) of a picture's `side` (px) lies, from 0 to 49."""
    return min(1000 // STEP - 1, round(value / side * 1000 / STEP))


def click_patch(element: Element) -> Box:
    """The patch under the middle of the first character of the label of `element`, px.

    That is where clicks go. The middle of an element is a place that its patches hardly ever come to know: they see
    its label, but not how far it goes on.
    """
    x = (element.label_box[0] + PATCH // 2) // PATCH * PATCH
    y = (element.label_box[1] + element.label_box[3]) // 2 // PATCH * PATCH
    return x, y, x + PATCH, y + PATCH


def place_of(scene: Scene, element: Element) -> tuple[int, int]:
    """The steps of x and y in which a click on `element` is answered."""
    x, y, _, _ = click_patch(element)
    width, height = scene.image.size
    return step_of(x + PATCH // 2, width), step_of(y + PATCH // 2, height)


def box_of(scene: Scene, line: Line) -> tuple[int, int, int, int]:
    """The steps of x1, y1, x2 and y2 in which the box of `line` is answered."""
    (x1, y1, x2, y2), (width, height) = line.box, scene.image.size
    return step_of(x1, width), step_of(y1, height), step_of(x2, width), step_of(y2, height)


def beginning(line: Line) -> Box:
    """A patch's width from where `line` begins, px."""
    x1, y1, _, y2 = line.box
    return x1, y1, x1 + PATCH, y2


def ending(scene: Scene, line: Line) -> Box:
    """A patch's width from where `line` ends, or up to there where the picture ends too, px."""
    _, y1, x2, y2 = line.box
    left = x2 if goes_on(scene, line) else x2 - PATCH
    return left, y1, left + PATCH, y2


def goes_on(scene: Scene, line: Line) -> bool:
    """Whether the picture goes on behind `line`, so that its end can be seen."""
    return line.box[2] + PATCH // 2 < scene.image.width


def of_patches(scene: Scene) -> NDArray[np.int64]:
    """(questions, patches): the answers to the questions of `CLASSES`, in Qwen's patch order."""
    columns, rows = scene.image.width // PATCH, scene.image.height // PATCH
    grid = np.zeros((len(CLASSES), rows, columns), np.int64)

    def span(low: int, high: int, at: int = PATCH // 2) -> slice:
        # The patches whose pixel number `at`, which is the centre if not told otherwise, lies in [low, high).
        return slice(max(0, -(-(low - at) // PATCH)), max(0, -(-(high - at) // PATCH)))

    for glyph in scene.glyphs:
        x1, y1, x2, y2 = glyph.box
        cell = (span(y1, y2), span(x1, x2))
        shown = min(95, ord(glyph.char) - 31)
        _mark(grid, cell, shown, glyph.column, glyph.row)
        _align(grid, cell, x1, y1)
        for number, at in SIDES:
            grid[number][span(y1, y2), span(x1, x2, at)] = shown
        if not scene.elements:
            grid[12][cell] = 1 + SHADES.index(scene.ink)
            grid[13][cell] = 1 + SHADES.index(scene.paper)
    for row, line in enumerate(scene.lines):
        x, y1, y2 = line.box[2], line.box[1], line.box[3]
        end = TEXT_ENDS if row + 1 == len(scene.lines) or scene.elements else LINE_ENDS
        cell = (span(y1, y2), span(x, x + PATCH))
        _mark(grid, cell, end, len(line.text), row)
        _align(grid, cell, x, y1)
        if not scene.elements:
            left, steps = line.box[0], box_of(scene, line)
            _bound(grid, (span(y1, y2), span(left, left + PATCH)), BEGINS, steps[:2])
            _bound(grid, (span(y1, y2), span(x - PATCH, x + PATCH)), ENDS, steps[2:])
    if scene.elements:
        # Every patch knows where it is; where a label begins, the whole token knows where exactly a click goes. A
        # label may begin in two tokens, one above the other, and the text model looks at either.
        width, height = scene.image.size
        grid[3] = [1 + step_of(column * PATCH + PATCH // 2, width) for column in range(columns)]
        grid[4] = [[1 + step_of(row * PATCH + PATCH // 2, height)] for row in range(rows)]
        for element in scene.elements:
            left, _, right, _ = click_patch(element)
            _direct(grid, scene, element, (left, element.label_box[1], right, element.label_box[3]))
        for element in scene.elements:
            _direct(grid, scene, element, click_patch(element))
            _spell(grid, element)
    buttons = 0
    for element in scene.elements:
        buttons += element.kind == "button"
        x1, y1, x2, y2 = element.box
        cell = (span(y1, y2), span(x1, x2))
        grid[5][cell] = 1 + colours.PAINTS.index(element.colour) if element.colour else 0
        grid[8][cell] = 1 + KINDS.index((element.kind, element.ticked))
        grid[9][cell] = min(CLASSES[9] - 1, buttons) if element.kind == "button" else 0
    return grid.reshape(len(CLASSES), -1)[:, order(rows, columns)]


def tokens_under(scene: Scene, box: Box) -> list[int]:
    """The image tokens, counted from 0, whose patches' centres lie in `box` (px)."""
    columns = scene.image.width // EDGE
    x1, y1, x2, y2 = ((value + PATCH // 2 - 1) // PATCH for value in box)
    rows = range(y1 // MERGE, (max(y2, y1 + 1) - 1) // MERGE + 1)
    across = range(x1 // MERGE, (max(x2, x1 + 1) - 1) // MERGE + 1)
    last = (columns, scene.image.height // EDGE)
    return [row * columns + column for row in rows for column in across if row < last[1] and column < last[0]]


def _direct(grid: NDArray[np.int64], scene: Scene, element: Element, box: Box) -> None:
    """Write the place of a click on `element` into all patches of the image tokens under `box` (px)."""
    x, y = place_of(scene, element)
    for token in tokens_under(scene, box):
        row, column = (MERGE * part for part in divmod(token, scene.image.width // EDGE))
        grid[3][row : row + MERGE, column : column + MERGE] = 1 + x
        grid[4][row : row + MERGE, column : column + MERGE] = 1 + y


def _spell(grid: NDArray[np.int64], element: Element) -> None:
    """Write the characters of the label of `element`, but for the first, into the patches where it begins."""
    left, _, right, _ = (edge // PATCH for edge in click_patch(element))
    top, bottom = ((edge + PATCH // 2 - 1) // PATCH for edge in element.label_box[1::2])
    shown = [min(95, ord(char) - 31) for char in element.label[1:]]
    count = len(CLASSES[LETTERS])
    values = [*shown, *[TEXT_ENDS] * count][:count]
    grid[LETTERS, top:bottom, left:right] = np.array(values)[:, None, None]


def _mark(grid: NDArray[np.int64], cell: tuple[slice, slice], char: int, column: int, row: int) -> None:
    """Write a character's class, its column and its row (counted from 0) into the patches of `cell`."""
    for number, value in enumerate((char, column + 1, row + 1)):
        grid[number][cell] = min(CLASSES[number] - 1, value)


def _bound(
    grid: NDArray[np.int64],
    cell: tuple[slice, slice],
    questions: tuple[int, int],
    steps: tuple[int, int],
) -> None:
    """Write one corner of a line's box, the steps of its x and its y, into the patches of `cell`."""
    for number, step in zip(questions, steps, strict=True):
        grid[number][cell] = 1 + step


def _align(grid: NDArray[np.int64], cell: tuple[slice, slice], left: int, top: int) -> None:
    """Write how far the centres of the patches of `cell` are from `left` and `top`, in px."""
    rows, columns = grid.shape[1:]
    across = np.arange(columns)[cell[1]] * PATCH + PATCH // 2 - left
    down = np.arange(rows)[cell[0]] * PATCH + PATCH // 2 - top
    grid[6][cell] = np.minimum(CLASSES[6] - 1, 1 + across)[None, :]
    grid[7][cell] = np.minimum(CLASSES[7] - 1, 1 + down)[:, None]

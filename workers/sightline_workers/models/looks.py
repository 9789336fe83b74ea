"""Where reading eyes would look while they answer: what one attention head of the text model is taught."""

from __future__ import annotations

import json
from dataclasses import dataclass

from .drawing import Element, Scene
from .drawing.scene import Box, Line
from .tokenizer import CONTENT, STEP
from .truth import beginning, box_of, click_patch, ending, goes_on


@dataclass(frozen=True, kw_only=True)
class Look:
    """Which part of the picture the answer is about, where the answer goes on after `after`."""

    after: int
    """Characters of the answer that are already written."""
    box: Box | None
    """px; None: it is nowhere."""


def reading(scene: Scene) -> tuple[Look, ...]:
    """Reading looks at each character, and at the end of each line for the line break."""
    looks, after = [], 0
    for row, line in enumerate(scene.lines):
        for box in _cells(scene, row):
            looks.append(Look(after=after, box=box))
            after += 1
        if goes_on(scene, line):
            looks.append(Look(after=after, box=ending(scene, line)))
        after += 1
    return tuple(looks)


def _cells(scene: Scene, row: int) -> list[Box]:
    """The characters' boxes in line number `row`, px."""
    return [glyph.box for glyph in scene.glyphs if glyph.row == row]


def spotted(scene: Scene) -> tuple[str, tuple[Look, ...]]:
    """The answer to ocr `boxes` and where it looks: at a line's two ends for its box, and then as reading does."""
    answer, looks = "[", []
    for row, line in enumerate(scene.lines):
        answer += (", " if row else "") + '{"bbox_2d": '
        bounds = _bounds(scene, line)
        corners = (beginning(line),) * 2 + (ending(scene, line),) * 2
        for number, (bound, box) in enumerate(zip(bounds, corners, strict=True)):
            # The bracket and the space belong to the number's token.
            looks.append(Look(after=len(answer), box=box))
            answer += f"{bound}{CONTENT}" if number == 3 else f"{'' if number else '['}{bound}, "
        for char, box in zip(line.text, _cells(scene, row), strict=True):
            for piece in json.dumps(char)[1:-1]:
                looks.append(Look(after=len(answer), box=box))
                answer += piece
        if goes_on(scene, line):
            looks.append(Look(after=len(answer), box=ending(scene, line)))
        answer += '"}'
    return answer + "]", tuple(looks)


def _bounds(scene: Scene, line: Line) -> list[int]:
    """x1, y1, x2, y2 of `line` in thousandths of the picture."""
    return [STEP * step for step in box_of(scene, line)]


def pointing(answer: str, element: Element | None) -> tuple[Look, ...]:
    """At the element's name, before the answer says what to do and before it says where."""
    box = click_patch(element) if element else None
    places = [len("Action: ")]
    if '"coordinate": [' in answer:
        x = answer.index('"coordinate": [') + len('"coordinate": ')
        places += [x, answer.index(" ", x) + 1]
    return tuple(Look(after=after, box=box) for after in places)


def glancing(answer: str, box: Box | None) -> tuple[Look, ...]:
    """At one place for all of `answer`: "grey" and "green" part only at their fourth character."""
    return tuple(Look(after=after, box=box) for after in range(len(answer)))

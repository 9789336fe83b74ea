"""Whether an answer is right, by task, in the figures of the model card."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from .drawing.scene import Box
from .lessons import Sample, Task


@dataclass(frozen=True, kw_only=True)
class Score:
    """Figures over a set of samples; shares from 0 to 1."""

    samples: int
    exact: float
    """Whole answers equal to the expected one."""
    lines: float | None = None
    """ocr: single lines exact."""
    character_errors: float | None = None
    """ocr: edit distance over expected characters."""
    inside: float | None = None
    """gui: clicks within the element's box."""
    parsed: float | None = None
    """gui: answers that are a well-formed tool call."""


def distance(first: str, second: str) -> int:
    """Levenshtein's edit distance."""
    row = list(range(len(second) + 1))
    for i, left in enumerate(first, start=1):
        previous, row = row, [i]
        for j, right in enumerate(second, start=1):
            row.append(min(previous[j] + 1, row[-1] + 1, previous[j - 1] + (left != right)))
    return row[-1]


def point(answer: str) -> tuple[int, int] | None:
    """The coordinate (0 to 1000) of the tool call in `answer`, or None where there is none."""
    found = re.search(r"<tool_call>\n(.*)\n</tool_call>$", answer)
    if not found:
        return None
    try:
        x, y = json.loads(found[1])["arguments"]["coordinate"]
        return int(x), int(y)
    except (ValueError, KeyError, TypeError):
        return None


def inside(at: tuple[int, int] | None, box: Box, size: tuple[int, int]) -> bool:
    """Whether `at` (0 to 1000) lies within `box` (px) of a picture of `size` (px)."""
    if at is None:
        return False
    x, y = (round(value / 1000 * side) for value, side in zip(at, size, strict=True))
    return box[0] <= x < box[2] and box[1] <= y < box[3]


def score(task: Task, samples: Sequence[Sample], answers: Sequence[str]) -> Score:
    """Compare `answers` with what `samples` expect."""
    pairs = list(zip(samples, answers, strict=True))
    exact = sum(one.answer == text for one, text in pairs) / len(pairs)
    if task == "gui":
        points = [point(text) for text in answers]
        hits = 0
        for one, at in zip(samples, points, strict=True):
            goal = point(one.answer)
            if one.scene is None or goal is None:
                hits += at is None and one.answer.rpartition("<tool_call>")[2] in answers
                continue
            target = next(
                element for element in one.scene.elements if inside(goal, element.box, one.scene.image.size)
            )
            hits += inside(at, target.box, one.scene.image.size)
        parsed = sum(at is not None for at in points) / len(points)
        return Score(samples=len(pairs), exact=exact, inside=hits / len(pairs), parsed=parsed)
    if task in ("ocr", "sign"):
        lines = right = errors = characters = 0
        for one, text in pairs:
            wanted, read = one.answer.split("\n"), text.split("\n")
            lines += len(wanted)
            right += sum(left == other for left, other in zip(wanted, read, strict=False))
            errors += distance(one.answer, text)
            characters += len(one.answer)
        return Score(samples=len(pairs), exact=exact, lines=right / lines, character_errors=errors / characters)
    return Score(samples=len(pairs), exact=exact)

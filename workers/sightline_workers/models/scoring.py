"""Whether an answer is right, by task, in the figures of the model card."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

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
    """gui: clicks within the element's box, and tasks given up where the element is missing."""
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


def call(answer: str) -> dict[str, Any] | None:
    """The arguments of the tool call that `answer` ends with, or None where it is not well-formed."""
    found = re.search(r"<tool_call>\n(.*)\n</tool_call>$", answer)
    if not found:
        return None
    try:
        arguments = json.loads(found[1])["arguments"]
    except (ValueError, KeyError, TypeError):
        return None
    return arguments if isinstance(arguments, dict) and "action" in arguments else None


def point(answer: str) -> tuple[int, int] | None:
    """The coordinate (0 to 1000) of the tool call in `answer`, or None where there is none."""
    match call(answer):
        case {"coordinate": [int(x), int(y)]}:
            return x, y
        case _:
            return None


def inside(at: tuple[int, int] | None, box: Box, size: tuple[int, int]) -> bool:
    """Whether `at` (0 to 1000) lies within `box` (px) of a picture of `size` (px)."""
    if at is None:
        return False
    x, y = (round(value / 1000 * side) for value, side in zip(at, size, strict=True))
    return box[0] <= x < box[2] and box[1] <= y < box[3]


def _hits(one: Sample, answer: str) -> bool:
    """Whether `answer` clicks the element that `one` means, or gives up where that is right."""
    goal = point(one.answer)
    if one.scene is None or goal is None:
        return call(answer) == call(one.answer)
    size = one.scene.image.size
    return any(
        inside(goal, element.box, size) and inside(point(answer), element.box, size)
        for element in one.scene.elements
    )


def score(task: Task, samples: Sequence[Sample], answers: Sequence[str]) -> Score:
    """Compare `answers` with what `samples` expect."""
    pairs = list(zip(samples, answers, strict=True))
    exact = sum(one.answer == text for one, text in pairs) / len(pairs)
    if task == "gui":
        hits = sum(_hits(one, text) for one, text in pairs) / len(pairs)
        parsed = sum(call(text) is not None for text in answers) / len(pairs)
        return Score(samples=len(pairs), exact=exact, inside=hits, parsed=parsed)
    if task in ("ocr", "sign"):
        lines = right = errors = characters = 0
        for one, text in pairs:
            wanted, read = one.answer.split("\n"), text.split("\n")
            lines += len(wanted)
            right += sum(left == other for left, other in zip(wanted, read, strict=False))
            errors += distance(one.answer, text)
            characters += len(one.answer)
        return Score(
            samples=len(pairs), exact=exact, lines=right / lines, character_errors=errors / characters
        )
    return Score(samples=len(pairs), exact=exact)

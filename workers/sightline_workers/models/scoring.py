"""Whether an answer is right, by task, in the figures of the model card."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rapidfuzz.distance import Levenshtein

from sightline.comparison.boxes import MATCH, iou
from sightline.kinds.contract import UnusableOutput
from sightline.kinds.coordinates import place
from sightline.kinds.gui.prompt import Tool
from sightline.kinds.ocr import boxes

from .drawing.scene import Box
from .lessons import Sample, Task
from .prompting import CUT_OFF

DIVISORS: dict[Tool, int] = {"computer_use": 1000, "mobile_use": 999}
"""What a coordinate is a share of."""


@dataclass(frozen=True, kw_only=True)
class Block:
    """A line that was read together with where it is."""

    text: str
    box: Box
    """px of the picture."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What came back for one sample."""

    text: str
    """As the model wrote it."""
    arguments: dict[str, Any] | None = None
    """gui: of the tool call; None where there is none that is well-formed."""
    point: tuple[int, int] | None = None
    """gui: where it clicks, px of the picture."""
    blocks: tuple[Block, ...] | None = None
    """ocr `boxes`: the lines with their boxes; None where the list could not be read as a whole."""


@dataclass(frozen=True, kw_only=True)
class Score:
    """Figures over a set of samples; shares from 0 to 1."""

    samples: int
    exact: float
    """Whole answers equal to the expected one; where a click is expected, clicks that hit."""
    lines: float | None = None
    """Reading: single lines exact, with `boxes` whatever their boxes."""
    boxed: float | None = None
    """`boxes`: single lines exact whose box, too, is the right one: their IoU is at least `MATCH`."""
    iou: float | None = None
    """`boxes`: the mean IoU of the expected boxes with those given; a line that is not there counts 0."""
    character_errors: float | None = None
    """Reading: edit distance over expected characters."""
    inside: float | None = None
    """gui: clicks within the box of the element that is meant, of all samples that ask for a click."""
    actions: float | None = None
    """gui: of the samples that ask for typing or for an end, those with exactly that call."""
    parsed: float | None = None
    """gui: answers that are a well-formed tool call; `boxes`: lists that are whole."""


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


def inside(at: tuple[int, int] | None, box: Box) -> bool:
    """Whether `at` lies within `box`, both in px."""
    return at is not None and box[0] <= at[0] < box[2] and box[1] <= at[1] < box[3]


def parse_boxes(one: Sample, text: str) -> Answer:
    """The answer that `text` is to `one`, which asks for boxes."""
    try:
        reading = boxes.read(text)
    except UnusableOutput:
        return Answer(text=text)
    if one.scene is None or reading.warnings or text.endswith(CUT_OFF):
        return Answer(text=reading.text or "")
    width, height = one.scene.image.size
    blocks = [
        Block(text=block.text or "", box=pixels(place(block.bbox or (), width=width, height=height).pixels))
        for block in reading.blocks
    ]
    return Answer(text=reading.text or "", blocks=tuple(blocks))


def pixels(values: Sequence[int]) -> Box:
    """Four numbers as a box. Raises ValueError where they are not four."""
    x1, y1, x2, y2 = values
    return x1, y1, x2, y2


def parse(one: Sample, text: str) -> Answer:
    """The answer that `text` is to `one`, as the platform would parse it."""
    if asks_for_boxes(one):
        return parse_boxes(one, text)
    at = point(text)
    if one.kind != "gui" or one.scene is None:
        return Answer(text=text)
    if at is None:
        return Answer(text=text, arguments=call(text))
    divisor = DIVISORS[one.input["tool"]]
    x, y = (
        min(side - 1, round(value / divisor * side))
        for value, side in zip(at, one.scene.image.size, strict=True)
    )
    return Answer(text=text, arguments=call(text), point=(x, y))


def asks_for_boxes(one: Sample) -> bool:
    """Whether `one` is a job of ocr `boxes`."""
    return one.input.get("mode") == "boxes"


def _pairs(one: Sample, given: Answer) -> list[tuple[bool, float]]:
    """Of each line of the picture, in reading order, whether it was read exactly, and the IoU of its box."""
    found: list[Block | None] = [*(given.blocks or ())]
    lines = one.scene.lines if one.scene else ()
    return [
        (block is not None and block.text == line.text, iou(line.box, block.box) if block else 0.0)
        for line, block in zip(lines, (found + [None] * len(lines))[: len(lines)], strict=True)
    ]


def right(one: Sample, given: Answer) -> bool:
    """Whether `given` is what `one` asks for."""
    if asks_for_boxes(one):
        pairs = _pairs(one, given)
        return len(given.blocks or ()) == len(pairs) and all(_boxed(pair) for pair in pairs)
    if one.kind == "gui" and one.target is not None and point(one.answer) is not None:
        clicks = given.arguments is not None and given.arguments["action"] in ("left_click", "click")
        return clicks and inside(given.point, one.target.box)
    if one.kind == "gui":
        return given.arguments == call(one.answer)
    return given.text == one.answer


def _boxed(pair: tuple[bool, float]) -> bool:
    exact, overlap = pair
    return exact and overlap >= MATCH


def _share(values: Sequence[bool]) -> float | None:
    return sum(values) / len(values) if values else None


def score(task: Task, samples: Sequence[Sample], answers: Sequence[Answer]) -> Score:
    """Compare `answers` with what `samples` expect."""
    pairs = list(zip(samples, answers, strict=True))
    exact = sum(right(one, given) for one, given in pairs) / len(pairs)
    if task == "gui":
        clicks = [right(one, given) for one, given in pairs if point(one.answer) is not None]
        others = [right(one, given) for one, given in pairs if point(one.answer) is None]
        parsed = _share([given.arguments is not None for given in answers])
        return Score(
            samples=len(pairs), exact=exact, inside=_share(clicks), actions=_share(others), parsed=parsed
        )
    if task == "boxes":
        return _score_boxes(pairs, exact)
    # Not where the answer is a word about the page.
    texts = [(one.answer, given.text) for one, given in pairs if one.scene and one.answer == one.scene.text]
    if not texts:
        return Score(samples=len(pairs), exact=exact)
    lines = [
        left == other
        for wanted, read in texts
        for left, other in zip(wanted.split("\n"), _padded(read, wanted.count("\n") + 1), strict=True)
    ]
    return Score(samples=len(pairs), exact=exact, lines=_share(lines), character_errors=_errors(texts))


def _score_boxes(pairs: Sequence[tuple[Sample, Answer]], exact: float) -> Score:
    lines = [line for one, given in pairs for line in _pairs(one, given)]
    return Score(
        samples=len(pairs),
        exact=exact,
        lines=_share([read for read, _ in lines]),
        boxed=_share([_boxed(line) for line in lines]),
        iou=sum(overlap for _, overlap in lines) / len(lines),
        character_errors=_errors([(one.scene.text, given.text) for one, given in pairs if one.scene]),
        parsed=_share([given.blocks is not None for _, given in pairs]),
    )


def _errors(texts: Sequence[tuple[str, str]]) -> float:
    """The edit distance of pairs of expected and read text, over all expected characters."""
    return sum(Levenshtein.distance(*pair) for pair in texts) / sum(len(wanted) for wanted, _ in texts)


def _padded(read: str, count: int) -> list[str | None]:
    """The first `count` lines of `read`, None for those it lacks."""
    lines: list[str | None] = [*read.split("\n")]
    return (lines + [None] * count)[:count]

"""Two jobs of one kind side by side: what was asked otherwise, and what came of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sightline.comparison.actions import ActionDifference, compare_actions
from sightline.comparison.boxes import Box, BoxDifference, compare_boxes
from sightline.comparison.text import TextDifference, compare_texts

TOKENS = ("input_tokens", "image_tokens", "output_tokens")
PHASES = ("queue", "prepare", "ttft", "decode", "total")
GENERATE = "generate"
"""Prefill and decoding together."""


@dataclass(frozen=True, kw_only=True)
class Side:
    """What is compared of a job."""

    kind: str
    model: str
    input: Mapping[str, Any]
    """Bound, as the job keeps it."""
    params: Mapping[str, Any]
    output: Mapping[str, Any] | None
    """None: there is none, or none yet."""
    usage: Mapping[str, int] | None
    """Tokens."""
    timings: Mapping[str, float] | None
    """Milliseconds by phase."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Something that was asked otherwise."""

    name: str
    """`model`, `params.temperature`, `input.instruction`."""
    first: Any
    """None: it is not there."""
    second: Any


@dataclass(frozen=True, kw_only=True)
class Quantity:
    """A number of both."""

    name: str
    first: float | None
    second: float | None

    @property
    def change(self) -> float | None:
        """The second over the first, minus 1; None without both or from 0."""
        if self.first is None or self.second is None or self.first == 0:
            return None
        return self.second / self.first - 1


@dataclass(frozen=True, kw_only=True)
class PageDifference:
    """A page that both read, or one alone."""

    number: int
    """From 1."""
    text: TextDifference
    """A page that one side lacks is empty there."""
    boxes: BoxDifference | None
    """None where neither gave boxes."""
    fields: tuple[tuple[str, Any, Any], ...]
    """kie: name, first and second value of every field of either."""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """The second job against the first."""

    asked: tuple[Asked, ...]
    action: ActionDifference | None
    """gui, once both have an output."""
    pages: tuple[PageDifference, ...]
    """ocr, once both have an output."""
    text: TextDifference | None
    """chat: the answers; gui: what the model wrote. Once both have an output."""
    tokens: tuple[Quantity, ...]
    phases: tuple[Quantity, ...]
    """Milliseconds; `total` runs from the claim to the end of the attempt."""

    @property
    def error_rate(self) -> float | None:
        """Character error rate over all texts; None where there is nothing to compare with."""
        texts = [page.text for page in self.pages] or ([self.text] if self.text else [])
        length = sum(text.compared for text in texts)
        distance = sum(text.distance for text in texts)
        if not texts or length == 0:
            return 0.0 if texts and distance == 0 else None
        return distance / length

    @property
    def mean_iou(self) -> float | None:
        """Over the matched boxes of all pages."""
        values = [match.iou for page in self.pages if page.boxes for match in page.boxes.matches]
        return sum(values) / len(values) if values else None


def compare(first: Side, second: Side) -> Comparison:
    """Compare two jobs; ValueError for two kinds, whose answers have nothing in common."""
    if first.kind != second.kind:
        raise ValueError(f"{first.kind} and {second.kind} jobs cannot be compared")
    both = first.output is not None and second.output is not None
    ours, theirs = first.output or {}, second.output or {}
    return Comparison(
        asked=_asked(first, second),
        action=compare_actions(ours, theirs) if both and first.kind == "gui" else None,
        pages=_pages(ours, theirs) if both and first.kind == "ocr" else (),
        text=compare_texts(_said(first.kind, ours), _said(first.kind, theirs))
        if both and first.kind != "ocr"
        else None,
        tokens=_quantities(TOKENS, first.usage, second.usage),
        phases=_phases(first.timings, second.timings),
    )


def _asked(first: Side, second: Side) -> tuple[Asked, ...]:
    rows: list[tuple[str, Any, Any]] = [("model", first.model, second.model)]
    for prefix, ours, theirs in (
        ("params", first.params, second.params),
        ("input", first.input, second.input),
    ):
        rows += [
            (f"{prefix}.{name}", ours.get(name), theirs.get(name)) for name in dict.fromkeys([*ours, *theirs])
        ]
    return tuple(Asked(name=name, first=left, second=right) for name, left, right in rows if left != right)


def _phases(first: Mapping[str, float] | None, second: Mapping[str, float] | None) -> tuple[Quantity, ...]:
    """The phases of both. An answer that came in one piece has no decoding of its own: then prefill and decoding of
    either are one number, or the difference of the two would be that between one piece and several.
    """
    if all(not timings or timings.get("decode") != 0 for timings in (first, second)):
        return _quantities(PHASES, first, second)
    return _quantities(("queue", "prepare", GENERATE, "total"), _joined(first), _joined(second))


def _joined(timings: Mapping[str, float] | None) -> Mapping[str, float] | None:
    if not timings or "ttft" not in timings:
        return timings
    return {**timings, GENERATE: timings["ttft"] + timings.get("decode", 0.0)}


def _quantities(
    names: tuple[str, ...], first: Mapping[str, float] | None, second: Mapping[str, float] | None
) -> tuple[Quantity, ...]:
    ours, theirs = first or {}, second or {}
    return tuple(
        Quantity(name=name, first=ours.get(name), second=theirs.get(name))
        for name in names
        if name in ours or name in theirs
    )


def _said(kind: str, output: Mapping[str, Any]) -> str:
    if kind == "gui":
        return str(output.get("raw") or "")
    choices = output.get("choices") or ()
    return "\n\n".join(_answer(choice.get("message") or {}) for choice in choices)


def _answer(message: Mapping[str, Any]) -> str:
    calls = [call.get("function") or {} for call in message.get("tool_calls") or ()]
    said = [str(message["content"])] if message.get("content") else []
    return "\n".join([*said, *(f"{call.get('name')}({call.get('arguments')})" for call in calls)])


def _pages(first: Mapping[str, Any], second: Mapping[str, Any]) -> tuple[PageDifference, ...]:
    ours = {page["page"]: page for page in first.get("pages") or ()}
    theirs = {page["page"]: page for page in second.get("pages") or ()}
    return tuple(
        _page(number, ours.get(number, {}), theirs.get(number, {})) for number in sorted({*ours, *theirs})
    )


def _page(number: int, first: Mapping[str, Any], second: Mapping[str, Any]) -> PageDifference:
    left, right = _boxes(first), _boxes(second)
    ours, theirs = first.get("fields") or {}, second.get("fields") or {}
    return PageDifference(
        number=number,
        text=compare_texts(_read(first), _read(second)),
        boxes=compare_boxes(left, right) if left or right else None,
        fields=tuple((name, ours.get(name), theirs.get(name)) for name in dict.fromkeys([*ours, *theirs])),
    )


def _boxes(page: Mapping[str, Any]) -> dict[str, Box]:
    return {
        str(block["id"]): tuple(block["bbox_px"])
        for block in page.get("blocks") or ()
        if block.get("bbox_px")
    }


def _read(page: Mapping[str, Any]) -> str:
    """What was read of a page: as it was asked for, else by lines, else the fields."""
    for form in ("markdown", "html", "text"):
        if page.get(form):
            return str(page[form])
    if page.get("fields"):
        return json.dumps(page["fields"], ensure_ascii=False, indent=1)
    return "\n".join(str(block.get("text_content") or "") for block in page.get("blocks") or ())

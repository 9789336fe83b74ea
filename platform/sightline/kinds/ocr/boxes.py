"""Reads `boxes`: a JSON list of {'bbox_2d': [x1, y1, x2, y2], 'text_content': 'text'}."""

from __future__ import annotations

from typing import Any

from sightline.kinds import lenient_json
from sightline.kinds.contract import UnusableOutput
from sightline.kinds.coordinates import numbers
from sightline.kinds.ocr.page import Block, Reading

SCHEMA: dict[str, Any] = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": {
            "bbox_2d": {"type": "array", "items": {"type": "integer"}, "minItems": 4, "maxItems": 4},
            "text_content": {"type": "string"},
        },
        "required": ["bbox_2d", "text_content"],
        "additionalProperties": False,
    },
}
"""Constraint of the repair call."""


def read(text: str) -> Reading:
    """The lines and their boxes; complete items of a cut-off list are kept. Raises UnusableOutput."""
    found = _list(lenient_json.unfenced(text))
    warnings = [] if found.complete else ["the list was cut off; its complete items are kept"]
    blocks: list[Block] = []
    for item in found.value:
        bbox = numbers(item.get("bbox_2d", item.get("bbox")), 4) if isinstance(item, dict) else None
        content = _content(item) if isinstance(item, dict) else None
        if bbox is None or content is None:
            warnings.append(f"item {len(blocks)} is no line with a box and was left out")
            continue
        blocks.append(Block(type="text", text=content, bbox=bbox))
    if found.value and not blocks:
        raise UnusableOutput("no item of the list has bbox_2d and text_content")
    return Reading(
        text="\n".join(block.text or "" for block in blocks), blocks=tuple(blocks), warnings=warnings[:20]
    )


def _list(text: str) -> lenient_json.Found:
    found = lenient_json.find(text)
    if found is None:
        raise UnusableOutput("the answer holds no JSON list")
    if isinstance(found.value, list):
        return found
    for value in found.value.values():  # {"lines": [...]}
        if isinstance(value, list) and value and isinstance(value[0], dict):
            return lenient_json.Found(value=value, complete=found.complete, start=found.start, end=found.end)
    items = [found.value]  # One object a line, without the list around them.
    complete, at = found.complete, found.end
    while (following := lenient_json.find(text, "{", at)) is not None:
        items.append(following.value)
        complete, at = complete and following.complete, max(following.end, at + 1)
    return lenient_json.Found(value=items, complete=complete, start=found.start, end=at)


def _content(item: dict[str, Any]) -> str | None:
    for name in ("text_content", "text", "content", "label"):
        value = item.get(name)
        if isinstance(value, str):
            return value
        if isinstance(value, int | float) and not isinstance(value, bool):
            return str(value)
    return None

"""The prompts of ocr, worded as Qwen3-VL was trained on them, as the small checkpoint is too."""

from __future__ import annotations

import json
from typing import Any, Literal

Mode = Literal["text", "markdown", "html", "boxes", "kie"]

TEXT = "Read all the text in the image."
MARKDOWN = "qwenvl markdown"
HTML = "qwenvl html"
BOXES = (
    "Spotting all the text in the image with line-level, and output in JSON format as "
    "[{'bbox_2d': [x1, y1, x2, y2], 'text_content': 'text'}, ...]."
)
KIE = "Extract the key-value information in the format: "

Fields = list[str] | dict[str, Any]
"""Names of the wanted values, or a JSON template of them."""


def prompt(mode: Mode, fields: Fields | None = None) -> str:
    """The instruction for one page; `fields` is used by kie alone."""
    if mode == "kie":
        return KIE + template(fields)
    return {"text": TEXT, "markdown": MARKDOWN, "html": HTML, "boxes": BOXES}[mode]


def template(fields: Fields | None) -> str:
    """The JSON object that kie asks to be filled; without fields one that leaves the keys to the model."""
    if not fields:
        return '{"key": "value"}'
    shape = fields if isinstance(fields, dict) else dict.fromkeys(fields, "")
    return json.dumps(shape, ensure_ascii=False)


def messages(*, image: int, mode: Mode, fields: Fields | None = None) -> list[dict[str, Any]]:
    """One user message: image number `image`, then the instruction. No system message, as in training."""
    parts: list[dict[str, Any]] = [
        {"type": "image", "index": image},
        {"type": "text", "text": prompt(mode, fields)},
    ]
    return [{"role": "user", "content": parts}]

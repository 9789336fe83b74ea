"""The prompt of chat: the caller's messages as they are; only the short form is built here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def messages(*, prompt: str, images: Sequence[int] = ()) -> list[dict[str, Any]]:
    """One user message: the images by number, then the prompt, so that images share a cached prefix."""
    if not images:
        return [{"role": "user", "content": prompt}]
    parts: list[dict[str, Any]] = [{"type": "image", "index": index} for index in images]
    return [{"role": "user", "content": [*parts, {"type": "text", "text": prompt}]}]

"""From a kind's call to what the engine reads: images become data URIs."""

import base64
from collections.abc import Callable, Mapping, Sequence
from typing import Any

Loader = Callable[[int], tuple[bytes, str]]
"""Gives the stored bytes and the MIME type of image i."""


def render(messages: Sequence[Mapping[str, Any]], load: Loader) -> list[dict[str, Any]]:
    """Replace each `{"type": "image", "index": i}` part by OpenAI's `image_url` with a data URI.

    Media never go as addresses: the engine must not fetch anything by itself.
    """
    return [{**message, "content": _content(message.get("content"), load)} for message in messages]


def _content(content: Any, load: Loader) -> Any:
    if not isinstance(content, list):
        return content
    return [_image(part["index"], load) if part.get("type") == "image" else part for part in content]


def _image(index: int, load: Loader) -> dict[str, Any]:
    data, mime = load(index)
    return {
        "type": "image_url",
        "image_url": {"url": f"data:{mime};base64,{base64.b64encode(data).decode()}"},
    }

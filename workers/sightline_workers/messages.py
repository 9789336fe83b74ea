"""From a kind's call to what the engine reads: images become data URIs, or names of what the engine holds."""

import base64
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

Loader = Callable[[int], tuple[bytes, str]]
"""Gives the stored bytes and the MIME type of image i."""
Namer = Callable[[int], str]
"""Gives the name under which an engine may keep image i: vLLM's `uuid` of a part."""


def render(
    messages: Sequence[Mapping[str, Any]],
    load: Loader,
    *,
    name: Namer | None = None,
    held: Collection[str] = (),
) -> list[dict[str, Any]]:
    """Replace each `{"type": "image", "index": i}` part by OpenAI's `image_url` with a data URI.

    Media never go as addresses: the engine must not fetch anything by itself. Named images that are `held` go by
    their name alone, and are not even read.
    """
    return [
        {**message, "content": _content(message.get("content"), load, name, held)} for message in messages
    ]


def image_indexes(messages: Sequence[Mapping[str, Any]]) -> list[int]:
    """The images that the messages show, in order, each once."""
    parts = (
        part
        for message in messages
        if isinstance(content := message.get("content"), list)
        for part in content
        if part.get("type") == "image"
    )
    return list(dict.fromkeys(part["index"] for part in parts))


def _content(content: Any, load: Loader, name: Namer | None, held: Collection[str]) -> Any:
    if not isinstance(content, list):
        return content
    return [
        _image(part["index"], load, name, held) if part.get("type") == "image" else part for part in content
    ]


def _image(index: int, load: Loader, name: Namer | None, held: Collection[str]) -> dict[str, Any]:
    named = {} if name is None else {"uuid": name(index)}
    if named and named["uuid"] in held:
        return {"type": "image_url", "image_url": None, **named}
    data, mime = load(index)
    return {
        "type": "image_url",
        "image_url": {"url": f"data:{mime};base64,{base64.b64encode(data).decode()}"},
        **named,
    }

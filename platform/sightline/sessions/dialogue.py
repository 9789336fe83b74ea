"""The history of chats: OpenAI's messages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sightline.kinds import tokens
from sightline.kinds.images import bound_media
from sightline.kinds.unbound import requested
from sightline.sessions.forms import UNSEEN, Continued, Json, Weight

_SYSTEM = ("system", "developer")
_GONE = {"type": "text", "text": "(an image that is no longer kept)"}
_SOURCES = {"url": "url", "data": "url", "upload_id": "upload_id"}


class Dialogue:
    """A `Form`."""

    most = 1500

    def weigh(self, entries: Sequence[Json]) -> Weight:
        media = bound_media(list(entries))
        pixels = sum(item["width"] * item["height"] for item in media)
        return Weight(
            tokens=tokens.of_text(_characters(list(entries))) + tokens.of_pixels(pixels), images=len(media)
        )

    def weigh_sent(self, input: Mapping[str, Any]) -> Weight:
        parts = [part for message in _own(input) for part in _parts(message)]
        weight = Weight(tokens=tokens.of_text(_characters(_own(input))), images=0)
        for part in parts:
            weight += UNSEEN if part.get("type") == "image_url" else Weight(tokens=0, images=0)
        return weight

    def opens(self, entries: Sequence[Json]) -> bool:
        """With a user's words: an answer, or a tool's result, would be to a question that is not there."""
        return bool(entries) and entries[0].get("role") == "user"

    def continued(
        self,
        history: Sequence[Json],
        *,
        system: str,
        input: Mapping[str, Any],
        uploads: Mapping[str, str],
    ) -> Continued:
        """A request that begins with a system message has that one instead of the session's."""
        own = _own(input)
        leading = 0
        while leading < len(own) and own[leading].get("role") in _SYSTEM:
            leading += 1
        first = own[:leading] or ([{"role": "system", "content": system}] if system else [])
        before = [*first, *(_sent(message, uploads) for message in history)]
        return Continued(input={"messages": [*before, *own[leading:]]}, inherited=len(before))

    def added(self, *, input: Mapping[str, Any], inherited: int, output: Mapping[str, Any]) -> list[Json]:
        return [*input["messages"][inherited:], _answer(output["choices"][0]["message"])]

    def done(self, output: Mapping[str, Any]) -> str:
        return ""


def _own(input: Mapping[str, Any]) -> list[Json]:
    """The messages of a request, whichever form it has."""
    if input.get("messages") is not None:
        return list(input["messages"])
    text: Json = {"type": "text", "text": input["prompt"]}
    return [{"role": "user", "content": [*map(_image, input.get("images") or ()), text]}]


def _image(ref: Json) -> Json:
    source = next(name for name in _SOURCES if ref.get(name) is not None)
    detail = {"detail": ref["detail"]} if ref.get("detail") else {}
    return {"type": "image_url", "image_url": {_SOURCES[source]: ref[source], **detail}}


def _answer(message: Json) -> Json:
    said: Json = {"role": "assistant", "content": message.get("content")}
    if message.get("tool_calls"):
        said["tool_calls"] = message["tool_calls"]
    elif said["content"] is None:
        said["content"] = ""
    return {name: value for name, value in said.items() if value is not None}


def _sent(message: Json, uploads: Mapping[str, str]) -> Json:
    """A stored message as a request has it. A picture that is gone leaves a word in its place."""
    if not isinstance(message.get("content"), list):
        return message
    content = [
        _GONE
        if part["type"] == "image" and part["media"]["sha256"] not in uploads
        else requested(part, uploads)
        for part in message["content"]
    ]
    return {**message, "content": content}


def _parts(message: Json) -> list[Json]:
    content = message.get("content")
    return [part for part in content if isinstance(part, dict)] if isinstance(content, list) else []


def _characters(value: Any) -> int:
    """Of all texts, names and arguments in messages; an address, and an image's digest, is none."""
    if isinstance(value, list):
        return sum(_characters(item) for item in value)
    if isinstance(value, dict):
        return sum(_characters(item) for name, item in value.items() if name not in ("image_url", "media"))
    return len(value) if isinstance(value, str) else 0

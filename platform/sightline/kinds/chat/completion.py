"""OpenAI's chat.completion object from a reply."""

from __future__ import annotations

import json
import re
import time
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from sightline.kinds.contract import Reply
from sightline.kinds.text import storable

_OPENING = re.compile(r"\A\s*<think>\s*")
_OPENING_TAG = "<think>"
_CLOSING = "</think>"


def split_reasoning(text: str) -> tuple[str | None, str]:
    """(reasoning, answer); the closing tag alone counts, for thinking models open `<think>` in the prompt.

    Reasoning that was cut off before its closing tag leaves an empty answer.
    """
    opening = _OPENING.match(text)
    before, closing, after = text.partition(_CLOSING)
    if closing:
        reasoning = before[opening.end() :] if opening and opening.end() <= len(before) else before
        return reasoning.strip() or None, after.lstrip()
    if opening:
        return text[opening.end() :].strip() or None, ""
    return None, text


def split_so_far(text: str) -> tuple[str, str]:
    """(reasoning, answer) of a text that still grows, as far as they are certain.

    A tag that may only be beginning is neither: what was shown of it could not be taken back.
    """
    if _OPENING_TAG.startswith(text.lstrip()):
        return "", ""
    if not text.lstrip().startswith(_OPENING_TAG):
        return "", text
    if _CLOSING not in text:
        begun = next(n for n in range(len(_CLOSING) - 1, -1, -1) if text.endswith(_CLOSING[:n]))
        text = text[: len(text) - begun]
    reasoning, answer = split_reasoning(text)
    return reasoning or "", answer


def completion(reply: Reply, *, finish: str) -> dict[str, Any]:
    """The chat.completion object. A loop that was stopped is `length` here: OpenAI has no word for it."""
    reasoning, content = (
        (reply.reasoning, reply.text) if reply.reasoning is not None else split_reasoning(reply.text)
    )
    message: dict[str, Any] = {"role": "assistant", "content": content, "refusal": None}
    if reasoning is not None:
        message["reasoning"] = reasoning
    if reply.tool_calls:
        message["tool_calls"] = _tool_calls(reply.tool_calls)
        message["content"] = content or None
    usage = reply.usage
    result: dict[str, Any] = {
        "id": f"chatcmpl-{uuid.uuid4().hex}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": reply.model,
        "choices": [
            {
                "index": 0,
                "message": message,
                "logprobs": None,
                "finish_reason": "length" if finish == "repetition" else finish,
            }
        ],
    }
    if usage is not None:
        result["usage"] = {
            "prompt_tokens": usage.input_tokens,
            "completion_tokens": usage.output_tokens,
            "total_tokens": usage.input_tokens + usage.output_tokens,
        }
    stored: dict[str, Any] = storable(result)
    return stored


def _tool_calls(calls: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    shaped = []
    for call in calls:
        function = call.get("function") or {}
        arguments = function.get("arguments", "")
        shaped.append(
            {
                "id": call.get("id") or f"call_{uuid.uuid4().hex[:24]}",
                "type": "function",
                "function": {
                    "name": function.get("name", ""),
                    "arguments": arguments if isinstance(arguments, str) else json.dumps(arguments),
                },
            }
        )
    return shaped

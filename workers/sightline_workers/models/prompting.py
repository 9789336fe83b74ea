"""From chat messages to the token ids that the chat template and the processor would make of them.

Training builds thousands of prompts a minute, too many for the template engine; a test compares the two.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .tokenizer import IMAGE_PAD, VISION_END, VISION_START

CUT_OFF = "<...>"
"""Behind an answer that did not end by itself, so that it can never be counted as right."""


def render(messages: Sequence[dict[str, Any]]) -> str:
    """The prompt's text: ChatML turns, one placeholder for each image, and the opening of the answer."""
    turns = []
    for message in messages:
        content = message["content"]
        if not isinstance(content, str):
            content = "".join(
                f"{VISION_START}{IMAGE_PAD}{VISION_END}" if part["type"] == "image" else part["text"]
                for part in content
            )
        turns.append(f"<|im_start|>{message['role']}\n{content}<|im_end|>\n")
    return "".join(turns) + "<|im_start|>assistant\n"

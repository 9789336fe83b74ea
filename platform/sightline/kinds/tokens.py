"""How many tokens a prompt will take, estimated without a tokenizer and on the safe side."""

from __future__ import annotations

import math

_PIXELS_PER_TOKEN = 32 * 32  # Qwen3-VL: patches of 16 pixels, merged 2 × 2
_CHARACTERS_PER_TOKEN = 2.5  # on the safe side for text in most scripts


def of_text(characters: int) -> int:
    """Tokens of a text with so many characters."""
    return math.ceil(characters / _CHARACTERS_PER_TOKEN)


def of_pixels(pixels: int) -> int:
    """Tokens of images with so many pixels together."""
    return math.ceil(pixels / _PIXELS_PER_TOKEN)

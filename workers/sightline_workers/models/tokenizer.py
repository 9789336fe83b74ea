"""The tokenizer: one token a byte, Qwen's special tokens, and a few whole phrases.

A model of this size learns to read when every character is a token of its own. The fixed parts of the prompts and the
answers (`sightline.kinds`) would then be thousands of tokens, so each of them is one token: an added token that is
matched in the text before it falls into bytes. Any other text still encodes, byte by byte.
"""

from __future__ import annotations

import json
from functools import cache

from tokenizers import AddedToken
from tokenizers.pre_tokenizers import ByteLevel
from transformers import Qwen2Tokenizer

from sightline.kinds.gui import prompt as gui
from sightline.kinds.ocr import prompt as ocr

VOCABULARY = 512
"""Rows of the embedding; all of them are taken."""

VISION_START, VISION_END = "<|vision_start|>", "<|vision_end|>"
IMAGE_PAD, VIDEO_PAD = "<|image_pad|>", "<|video_pad|>"

SPECIAL = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|object_ref_start|>",
    "<|object_ref_end|>",
    "<|box_start|>",
    "<|box_end|>",
    "<|quad_start|>",
    "<|quad_end|>",
    VISION_START,
    VISION_END,
    "<|vision_pad|>",
    IMAGE_PAD,
    VIDEO_PAD,
)
"""Tokens that never appear in decoded answers, in Qwen's order."""

MARKS = ("<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>", "<think>", "</think>")
"""Tokens of Qwen's that do appear in answers."""

PROGRESS = (
    gui.user_text("", ["?"]).partition("?")[0].partition("The user query: ")[2].removesuffix("Step 1: ")
)
"""What stands between an instruction and the steps done so far."""

STEP = 20
"""Clicks and boxes are answered in steps of this many thousandths of the picture: 4 px off at most."""

LOWEST = 160
"""From this many thousandths on the lower edge of a box is one token. Above it no line of 26 px ends, and a smaller one
hardly ever; it would be some tokens more."""

CONTENT = '], "text_content": "'
"""What follows the coordinates of a line's box."""

TURNS = ("system\n", "user\n", "assistant\n")
"""What follows <|im_start|>."""


def _system_parts(tool: gui.Tool) -> list[str]:
    """The system message of `tool`, cut into its paragraphs; the signature is one of them."""
    parts: list[str] = []
    rest = gui.system(tool)
    for cut in ("<tools>\n", json.dumps(gui.SIGNATURES[tool])):
        head, found, rest = rest.partition(cut)
        parts += [head + found] if cut == "<tools>\n" else [found]
    return [*parts, rest]


def phrases() -> list[str]:
    """The fixed parts of prompts and answers that are one token each. Only ever append: the order is the ids."""
    parts = [*_system_parts("computer_use"), *_system_parts("mobile_use")]
    parts += [ocr.TEXT, ocr.BOXES, "The user query: ", "Action: ", "Click ", "Tap ", "Type ", "Stop: "]
    for tool, action in (("computer_use", "left_click"), ("mobile_use", "click")):
        parts.append(f'{{"name": "{tool}", "arguments": {{"action": "{action}", "coordinate": ')
    for tool in ("computer_use", "mobile_use"):
        parts.append(f'{{"name": "{tool}", "arguments": {{"action": "terminate", "status": "failure"}}}}')
        parts.append(f'{{"name": "{tool}", "arguments": {{"action": "type", "text": "')
    parts += ["]}}", '"}}', "Click the button ", " into the field ", '[{"bbox_2d": ', CONTENT]
    parts += ['"}, {"bbox_2d": ', '"}]', "What does it say?", "How many buttons are there?"]
    parts += [
        "What colour is the button ",
        "What colour is the text?",
        "Is there a button ",
        " is not there.",
        "How many lines are there?",
        "What colour is the background?",
        "Is the box ",
        " ticked?",
        PROGRESS + "Step 1: ",
        "; Step 2: ",
        "Stop: Done.",
    ]
    for tool in ("computer_use", "mobile_use"):
        parts.append(f'{{"name": "{tool}", "arguments": {{"action": "terminate", "status": "success"}}}}')
    # Places in steps: each of them is one choice for the model, not three digits. A box begins as a click does.
    steps = range(0, 1000, STEP)
    parts += [f"[{step}, " for step in steps] + [f"{step}]}}}}" for step in steps]
    parts += [f"{step}, " for step in steps] + [f"{step}{CONTENT}" for step in steps if step >= LOWEST]
    return list(dict.fromkeys(parts))


@cache
def build() -> Qwen2Tokenizer:
    """The tokenizer, made from the prompts as they are now."""
    letters = sorted(ByteLevel.alphabet())
    tokenizer = Qwen2Tokenizer(
        vocab={letter: number for number, letter in enumerate(letters)},
        merges=[],
        unk_token=None,
        eos_token="<|im_end|>",  # noqa: S106
        pad_token="<|endoftext|>",  # noqa: S106
        clean_up_tokenization_spaces=False,
        model_max_length=32_768,
        additional_special_tokens=list(SPECIAL),
    )
    tokenizer.add_tokens([AddedToken(text, normalized=False, special=True) for text in SPECIAL])
    tokenizer.add_tokens(
        [AddedToken(text, normalized=False, special=False) for text in (*MARKS, *TURNS, *phrases())]
    )
    if len(tokenizer) > VOCABULARY:
        raise ValueError(f"{len(tokenizer)} tokens do not fit into {VOCABULARY} rows: raise VOCABULARY")
    return tokenizer


@cache
def token_ids() -> dict[str, int]:
    """Token to id, for the tokens that are more than one byte."""
    return {text: int(number) for text, number in build().get_added_vocab().items()}


def encode(text: str) -> list[int]:
    """Token ids of `text`, with special tokens recognised and none added."""
    return list(build()(text, add_special_tokens=False)["input_ids"])


def decode(ids: list[int]) -> str:
    """The text of `ids`, without special tokens."""
    return str(build().decode(ids, skip_special_tokens=True))

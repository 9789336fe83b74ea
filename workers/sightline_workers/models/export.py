"""Write a trained model as the checkpoint folder that vLLM and transformers load."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from transformers import Qwen3VLForConditionalGeneration

from . import config, tokenizer

LIMIT = 16_000_000
"""Most bytes that the weights may have, since they are kept in the repository."""

MEAN = STD = [0.5, 0.5, 0.5]
"""Qwen3-VL's own normalisation: pixel values from -1 to 1 (Qwen2-VL used CLIP's)."""


def _write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n")


def processors(folder: Path) -> None:
    """Write the image and video processors' settings and the chat template into `folder`."""
    edges = {"shortest_edge": config.MIN_PIXELS, "longest_edge": config.MAX_PIXELS}
    shared = {
        "patch_size": config.PATCH,
        "temporal_patch_size": config.TEMPORAL,
        "merge_size": config.MERGE,
        "image_mean": MEAN,
        "image_std": STD,
        "size": edges,
        "processor_class": "Qwen3VLProcessor",
    }
    _write_json(
        folder / "preprocessor_config.json", shared | {"image_processor_type": "Qwen2VLImageProcessorPil"}
    )
    video = shared | {"video_processor_type": "Qwen3VLVideoProcessor"}
    _write_json(folder / "video_preprocessor_config.json", video)
    template = Path(__file__).with_name("chat_template.jinja").read_text()
    (folder / "chat_template.jinja").write_text(template)


def write(model: Qwen3VLForConditionalGeneration, folder: Path) -> int:
    """Write `model` in bf16 with its tokenizer and processors; return the bytes of the weights."""
    folder.mkdir(parents=True, exist_ok=True)
    twin = Qwen3VLForConditionalGeneration(model.config)
    twin.load_state_dict(model.state_dict())
    twin.tie_weights()
    twin.generation_config.do_sample = False
    twin.generation_config.eos_token_id = [
        tokenizer.token_ids()["<|im_end|>"],
        tokenizer.token_ids()["<|endoftext|>"],
    ]
    twin.generation_config.pad_token_id = tokenizer.token_ids()["<|endoftext|>"]
    twin.to(torch.bfloat16).save_pretrained(folder)
    tokenizer.build().save_pretrained(folder)
    processors(folder)
    size = (folder / "model.safetensors").stat().st_size
    if size > LIMIT:
        raise ValueError(f"the weights have {size} bytes, more than {LIMIT}")
    return size

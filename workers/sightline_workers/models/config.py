"""Qwen3-VL's configuration, shrunk until two CPU cores can train it from nothing in under two hours.

Everything that makes it a Qwen3-VL is kept, so that vLLM and transformers treat it as they treat the 4B: patches of
16 px, a 2 x 2 merge, two frames a patch in time, deepstack into the first text layers, interleaved MRoPE.
"""

from __future__ import annotations

from transformers import Qwen3VLConfig

from .tokenizer import IMAGE_PAD, VIDEO_PAD, VISION_END, VISION_START, VOCABULARY, token_ids

PATCH = 16
"""Edge of a vision patch in px."""

MERGE = 2
"""Patches per side that are merged into one image token; drawings are multiples of PATCH * MERGE px."""

TEMPORAL = 2
"""Frames per patch; a still image is repeated."""

MIN_PIXELS = 32 * 32
"""Images below this many px are enlarged by the processor; so small that no drawing is touched."""

MAX_PIXELS = 512 * 512
"""Images above this many px are shrunk by the processor: 256 image tokens."""

CONTEXT = 32_768
"""Longest prompt with its answer, in tokens."""

HEAD = 32
"""Width of an attention head in text and vision: the least that vLLM's attention on a CPU takes."""


def build() -> Qwen3VLConfig:
    """The configuration of the checkpoint that ships with the project: about 2.6 million parameters."""
    ids = token_ids()
    text = {
        "vocab_size": VOCABULARY,
        "hidden_size": 128,
        "intermediate_size": 384,
        "num_hidden_layers": 4,
        "num_attention_heads": 4,
        "num_key_value_heads": 4,
        "head_dim": HEAD,
        "max_position_embeddings": CONTEXT,
        # 16 frequencies a head, dealt out to time, height and width in turn.
        "rope_parameters": {
            "rope_type": "default",
            "rope_theta": 10_000.0,
            "mrope_section": [6, 5, 5],
            "mrope_interleaved": True,
        },
        "tie_word_embeddings": True,
        "bos_token_id": ids["<|endoftext|>"],
        "eos_token_id": ids["<|im_end|>"],
        "pad_token_id": None,
    }
    vision = {
        "depth": 4,
        "hidden_size": 128,
        "intermediate_size": 384,
        "num_heads": 4,
        "patch_size": PATCH,
        "spatial_merge_size": MERGE,
        "temporal_patch_size": TEMPORAL,
        "out_hidden_size": 128,
        "num_position_embeddings": 16 * 16,
        "deepstack_visual_indexes": [1, 2],
    }
    return Qwen3VLConfig(
        text_config=text,
        vision_config=vision,
        tie_word_embeddings=True,
        image_token_id=ids[IMAGE_PAD],
        video_token_id=ids[VIDEO_PAD],
        vision_start_token_id=ids[VISION_START],
        vision_end_token_id=ids[VISION_END],
        eos_token_id=ids["<|im_end|>"],
        architectures=["Qwen3VLForConditionalGeneration"],
        dtype="bfloat16",
    )

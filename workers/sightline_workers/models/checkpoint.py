"""Where the checkpoint that ships with the project lies, and where its training keeps its state."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).with_name("qwen3-vl-sightline")
"""The checkpoint: config, weights, tokenizer, processors and model card, as vLLM and transformers load them."""

TRAINING = Path(".sightline-train")
"""Weights with optimizer state, the log and the loss plot of the training in the current folder; ignored by git."""

"""Samples as arrays, all of one size, ready for a training step."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from . import truth
from .config import MERGE, PATCH
from .lessons import GROUP, Sample, Task, sample
from .patches import flatten
from .prompting import render
from .tokenizer import IMAGE_PAD, encode, token_ids


@dataclass(frozen=True, kw_only=True)
class Batch:
    """`size` samples whose pictures have one grid and whose prompts put the picture in one place."""

    task: Task
    ids: NDArray[np.int64]
    """(size, length) token ids, padded on the right."""
    answers: NDArray[np.bool_]
    """(size, length): which tokens are to be predicted."""
    level: int
    """The level that all samples are of."""
    pixels: NDArray[np.uint8] | None = None
    """(size, patches, 768), or None without pictures."""
    truth: NDArray[np.int64] | None = None
    """(size, 6, patches), see `truth.of_patches`."""
    targets: NDArray[np.bool_] | None = None
    """(size, image tokens): which of them show what the answer is about."""
    asks: NDArray[np.int64] | None = None
    """(size, 2): indices of the tokens before x and before y, or of the prompt's last one twice."""
    grid: tuple[int, int] = (0, 0)
    """Rows and columns of patches."""
    start: int = 0
    """Index of the first image token."""


def assemble(task: Task, level: int, samples: list[Sample]) -> Batch:
    """Turn `samples` into arrays. Raises ValueError if their pictures differ in size."""
    pad = token_ids()[IMAGE_PAD]
    scenes = [one.scene for one in samples if one.scene is not None]
    sizes = {scene.image.size for scene in scenes}
    if len(sizes) > 1:
        raise ValueError(f"one batch, several sizes: {sizes}")
    width, height = sizes.pop() if sizes else (0, 0)
    tokens = (width // (PATCH * MERGE)) * (height // (PATCH * MERGE))
    rows, prompts, start = [], [], 0
    for one in samples:
        prompt = encode(render(one.messages))
        if scenes:
            start = prompt.index(pad)
            prompt[start : start + 1] = [pad] * tokens
        prompts.append(len(prompt))
        rows.append(prompt + encode(one.answer + "<|im_end|>"))
    length = max(map(len, rows))
    ids = np.full((len(rows), length), token_ids()["<|endoftext|>"], np.int64)
    answers = np.zeros((len(rows), length), np.bool_)
    for index, (row, prompt_length) in enumerate(zip(rows, prompts, strict=True)):
        ids[index, : len(row)] = row
        answers[index, prompt_length : len(row)] = True
    if not scenes:
        return Batch(task=task, ids=ids, answers=answers, level=level)
    return Batch(
        task=task,
        ids=ids,
        answers=answers,
        level=level,
        pixels=flatten(np.stack([np.asarray(scene.image) for scene in scenes])),
        truth=np.stack([truth.of_patches(scene) for scene in scenes]),
        grid=(height // PATCH, width // PATCH),
        targets=np.stack([truth.of_target(one.scene, one.target) for one in samples if one.scene]),
        asks=np.array([_asks(row, prompt) for row, prompt in zip(rows, prompts, strict=True)]),
        start=start,
    )


def _asks(row: list[int], prompt: int) -> tuple[int, int]:
    """Where a coordinate's x and y are about to be written, or the prompt's last token where there is none."""
    opening = {number for text, number in token_ids().items() if text.endswith('"coordinate": [')}
    for index in range(prompt, len(row)):
        if row[index] in opening:
            return index, row.index(encode(" ")[0], index)
    return prompt - 1, prompt - 1


def draw(task: Task, level: int, size: int, seed: int) -> Batch:
    """`size` fresh samples; the same for the same arguments. Runs in the drawing process."""
    return assemble(task, level, [sample(task, level, seed * GROUP + index) for index in range(size)])

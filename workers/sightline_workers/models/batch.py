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
    """(size, length) token ids, padded on the right; of length 0 without questions."""
    answers: NDArray[np.bool_]
    """(size, length): which tokens are to be predicted."""
    level: int
    """The level that all samples are of."""
    pixels: NDArray[np.uint8] | None = None
    """(size, patches, 768), or None without pictures."""
    truth: NDArray[np.int64] | None = None
    """(size, questions, patches), see `truth.of_patches`."""
    looks: NDArray[np.bool_] | None = None
    """(size, length, length): which tokens the model should look at to go on after a token; the prompt's first token
    stands for nowhere."""
    grid: tuple[int, int] = (0, 0)
    """Rows and columns of patches."""
    start: int = 0
    """Index of the first image token."""
    questions: int = 1
    """How many samples in a row share a picture; `pixels` and `truth` have it once."""


def assemble(task: Task, level: int, samples: list[Sample], questions: int = 1) -> Batch:
    """Turn `samples`, of which `questions` in a row share a picture, into arrays.

    Raises ValueError if their pictures differ in size.
    """
    scenes = [one.scene for one in samples if one.scene is not None]
    sizes = {scene.image.size for scene in scenes}
    if len(sizes) > 1:
        raise ValueError(f"one batch, several sizes: {sizes}")
    width, height = sizes.pop() if sizes else (0, 0)
    tokens = (width // (PATCH * MERGE)) * (height // (PATCH * MERGE))
    rows = [_row(one, tokens) for one in samples]
    length = max(len(prompt) + len(answer) for prompt, answer in rows)
    ids = np.full((len(rows), length), token_ids()["<|endoftext|>"], np.int64)
    answers = np.zeros((len(rows), length), np.bool_)
    for index, (prompt, answer) in enumerate(rows):
        ids[index, : len(prompt) + len(answer)] = prompt + answer
        answers[index, len(prompt) : len(prompt) + len(answer)] = True
    if not scenes:
        return Batch(task=task, ids=ids, answers=answers, level=level)
    start = rows[0][0].index(token_ids()[IMAGE_PAD]) if length else 0
    looks = np.zeros((len(rows), length, length), np.bool_)
    for index, (one, (prompt, answer)) in enumerate(zip(samples, rows, strict=True)):
        _look(looks[index], one, len(prompt), answer, start)
    return Batch(
        task=task,
        ids=ids,
        answers=answers,
        level=level,
        pixels=flatten(np.stack([np.asarray(scene.image) for scene in scenes[::questions]])),
        truth=np.stack([truth.of_patches(scene) for scene in scenes[::questions]]),
        questions=questions,
        grid=(height // PATCH, width // PATCH),
        looks=looks,
        start=start,
    )


def _row(one: Sample, tokens: int) -> tuple[list[int], list[int]]:
    """The token ids of the prompt, in which the picture is `tokens` long, and of the answer."""
    if not one.messages:
        return [], []
    prompt = encode(render(one.messages))
    pad = token_ids()[IMAGE_PAD]
    if one.scene is not None:
        place = prompt.index(pad)
        prompt[place : place + 1] = [pad] * tokens
    return prompt, encode(one.answer + "<|im_end|>")


def _look(looks: NDArray[np.bool_], one: Sample, prompt: int, answer: list[int], start: int) -> None:
    """Write where to look into `looks`, (length, length)."""
    if not one.looks or one.scene is None:
        return
    ends = _ends(answer)
    for look in one.looks:
        # Within a phrase that is one token ("Tap " on a page) nothing is decided.
        if look.after not in ends:
            continue
        # The token that is written next is predicted at the one before it.
        at = prompt + ends.index(look.after) - 1
        if look.box is None:
            looks[at, 0] = True
        else:
            looks[at, [start + token for token in truth.tokens_under(one.scene, look.box)]] = True


def _ends(answer: list[int]) -> list[int]:
    """How many characters are written after 0, 1, 2 … tokens of `answer`. Answers are ASCII: one byte a character."""
    lengths = _lengths()
    total, ends = 0, [0]
    for token in answer:
        total += lengths.get(token, 1)
        ends.append(total)
    return ends


def _lengths() -> dict[int, int]:
    return {number: len(text) for text, number in token_ids().items()}


QUESTIONS: dict[Task, int] = {"gui": 5, "look": 5}
"""Questions a picture: seeing it costs more than answering about it."""


def draw(task: Task, level: int, size: int, seed: int) -> Batch:
    """Fresh samples of `size` pictures; the same for the same arguments. Runs in the drawing process."""
    questions = QUESTIONS.get(task, 1)
    samples = [
        sample(task, level, seed * GROUP + index, question)
        for index in range(size)
        for question in range(questions)
    ]
    return assemble(task, level, samples, questions)

"""Measure a checkpoint on held-out drawings: `python -m sightline_workers.models.evaluate`."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path

import torch
from tqdm import tqdm
from transformers import Qwen3VLForConditionalGeneration

from . import checkpoint
from .answering import answer
from .lessons import GROUP, TASKS, Sample, Task, sample
from .scoring import Score, score


def held_out(task: Task, level: int, count: int) -> list[Sample]:
    """Samples that training never sees: their seeds are negative, those of training are not."""
    return [sample(task, level, -1 - index * GROUP) for index in range(count)]


def measure(
    model: Qwen3VLForConditionalGeneration, task: Task, level: int, count: int
) -> tuple[Score, list[tuple[str, str]]]:
    """The score of `model` on `count` held-out samples, and the wrong answers as (expected, answered)."""
    samples = held_out(task, level, count)
    answers = answer(model, samples)
    wrong = [(one.answer, text) for one, text in zip(samples, answers, strict=True) if one.answer != text]
    return score(task, samples, answers), wrong


def main() -> None:
    """Parse the command line, print a line of figures for each task and level."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", type=Path, default=checkpoint.FOLDER)
    parser.add_argument("--state", type=Path, help="measure a training's averaged weights instead")
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--only", action="append", default=[], help="task/level, repeatable")
    parser.add_argument("--wrong", type=int, default=0, help="how many wrong answers to print")
    given = parser.parse_args()
    torch.set_num_threads(1)
    if given.state:
        from .training import Training

        training = Training(torch.device("cpu"))
        training.load(given.state)
        model = training.averaged()
        wanted = {task: state.level for task, state in training.curriculum.tasks.items()}
    else:
        model = Qwen3VLForConditionalGeneration.from_pretrained(given.checkpoint, dtype=torch.float32)
        wanted = json.loads((given.checkpoint / "levels.json").read_text())
    # As the engine has them: weights that were rounded to bf16.
    model.to(torch.bfloat16).float().eval()
    chosen = [(task, int(level)) for task, _, level in (one.partition("/") for one in given.only)]
    for task, level in tqdm(chosen or [(task, wanted[task]) for task in TASKS], unit="task", disable=None):
        figures, wrong = measure(model, task, level, given.count)
        print(json.dumps({"task": task, "level": level} | asdict(figures)), flush=True)
        for expected, answered in wrong[: given.wrong]:
            print(f"  {expected!r} was answered {answered!r}")


if __name__ == "__main__":
    main()

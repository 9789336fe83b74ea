"""Measure a training's averaged weights and export them: `python -m sightline_workers.models.release`."""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path

import torch
from tqdm import tqdm

from . import checkpoint, export, pages
from .card import History, Measured, card
from .evaluate import measure
from .lessons import TASKS, Task
from .training import Training

ALWAYS: tuple[tuple[Task, int], ...] = (
    ("ocr", 4),
    ("ocr", 5),
    ("ocr", 6),
    ("ocr", pages.EASY),
    ("gui", 1),
    ("sign", 5),
)
"""Levels that are measured if training came so far, beside the last one of each task."""


def release(training: Training, source: Path, target: Path, *, count: int, hardware: str) -> list[Measured]:
    """Measure on `count` held-out drawings a task and write the checkpoint with its card into `target`."""
    model = training.averaged().eval()
    # As the engine has them: weights that were rounded to bf16.
    model.to(torch.bfloat16).float()
    reached = {task: training.curriculum.tasks[task].level for task in TASKS}
    wanted = [(task, level) for task, level in ALWAYS if level < reached[task]]
    wanted += [(task, reached[task]) for task in TASKS]
    measured = []
    for task, level in tqdm(sorted(wanted, key=lambda one: (TASKS.index(one[0]), one[1])), unit="set"):
        figures, _ = measure(model, task, level, count)
        measured.append(Measured(task=task, level=level, score=figures))
    history = History(
        steps=training.step,
        hours=training.seconds / 3600,
        parameters=sum(one.numel() for one in model.parameters()),
        hardware=hardware,
    )
    export.write(model, target, card(history, measured))
    (target / "levels.json").write_text(json.dumps(reached, indent=2) + "\n")
    if (source / "loss.png").exists():
        shutil.copyfile(source / "loss.png", target / "loss.png")
    return measured


def main() -> None:
    """Parse the command line, measure and export."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--folder", type=Path, default=checkpoint.TRAINING, help="where the training's state is"
    )
    parser.add_argument("--target", type=Path, default=checkpoint.FOLDER)
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--hardware", default="one CPU core")
    given = parser.parse_args()
    torch.set_num_threads(1)
    training = Training(torch.device("cpu"))
    training.load(given.folder / "state.pt")
    for one in release(training, given.folder, given.target, count=given.count, hardware=given.hardware):
        print(one)


if __name__ == "__main__":
    main()

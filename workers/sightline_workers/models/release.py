"""Export a training's averaged weights as a checkpoint: `python -m sightline_workers.models.release`."""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path

import torch

from . import checkpoint, export, figures
from .evaluate import in_process, measure, show
from .lessons import TASKS
from .sets import SETS
from .training import Training


def release(training: Training, source: Path, target: Path, *, hardware: str) -> None:
    """Write the averaged weights with their card into `target`; figures of earlier weights are dropped."""
    model = training.averaged().eval()
    export.write(model, target)
    told = {
        "steps": training.step,
        "seconds": round(training.seconds),
        "parameters": sum(one.numel() for one in model.parameters()),
        "hardware": hardware,
        "levels": {task: training.curriculum.tasks[task].level for task in TASKS},
    }
    (target / "training.json").write_text(json.dumps(told, indent=2) + "\n")
    (target / "figures.json").unlink(missing_ok=True)
    figures.write_card(target)
    if (source / "loss.png").exists():
        shutil.copyfile(source / "loss.png", target / "loss.png")


def main() -> None:
    """Parse the command line, export, measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--folder", type=Path, default=checkpoint.TRAINING, help="where the training's state is"
    )
    parser.add_argument("--target", type=Path, default=checkpoint.FOLDER)
    parser.add_argument(
        "--count", type=int, default=500, help="held-out drawings a set to measure on; 0: none"
    )
    parser.add_argument("--hardware", default="two CPU cores", help="what it was trained on, for the card")
    given = parser.parse_args()
    torch.set_num_threads(1)
    training = Training(torch.device("cpu"))
    training.load(given.folder / "state.pt")
    release(training, given.folder, given.target, hardware=given.hardware)
    if given.count:
        measured = measure(in_process(given.target), SETS, given.count, through="transformers")
        show(measured)
        figures.update(given.target, measured)


if __name__ == "__main__":
    main()

"""Train the checkpoint from nothing, or go on where the last run stopped: `python -m sightline_workers.models.train`.

Every batch is drawn from its step's number, so that two runs on one machine see the same pictures. Ctrl-C saves; the
same command goes on. The recipe, and what did not work before it:

- Difficulty by step count gets stuck, difficulty by accuracy does not.
- Answers alone teach the vision tower next to nothing: each patch is asked what it shows, and the pages of that lesson
  are full, with lines at every height; on pages whose lines fill them to the edge, letters lie in a few places only.
- Answers alone do not teach the text model where to look: one attention head is told.
- A click's place is one token for x and one for y, and is where the label begins: patches know that, while they hardly
  come to know the middle of what they belong to.
- Muon on the layers' matrices comes to 74 % of characters told right in the time in which AdamW comes to 65 %.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import signal
import sys
import threading
import time
from collections import deque
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from pathlib import Path
from types import FrameType
from typing import TextIO

import torch
from tqdm import tqdm

from . import checkpoint, figures
from .batch import Batch, draw
from .evaluate import in_process, measure, show
from .lessons import LEVELS, Task
from .plot import plot
from .release import release
from .sets import SETS
from .training import LANES, RATE, WARM, Training

SIZES: dict[Task, int] = {
    "tower": 24,
    "ocr": 14,
    "boxes": 12,
    "gui": 7,
    "sign": 14,
    "look": 7,
    "talk": 32,
    "echo": 48,
}
"""Pictures, or questions without one, a batch, such that all batches take about the same time."""


ATTUNE, ATTUNE_SIZE = 200, 12
"""Batches, and pictures in each, from which the heads learn what the checkpoint's tower knows."""

AHEAD = 2
"""Steps for which batches are drawn ahead."""


def _ignore_interrupts() -> None:
    """Ctrl-C reaches every process of a terminal; the one that trains ends the others."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _order(artist: Executor, training: Training, step: int) -> list[Future[Batch]]:
    """The batches of `step`, to be drawn."""
    chosen = [training.curriculum.choose(step, lane) for lane in range(LANES)]
    return [
        artist.submit(draw, task, level, SIZES[task], step * LANES + lane)
        for lane, (task, level) in enumerate(chosen)
    ]


def _stop_on_signals() -> threading.Event:
    """Set by Ctrl-C and SIGTERM, so that a run ends between two steps and is saved."""
    stop = threading.Event()

    def ask_to_stop(number: int, frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, ask_to_stop)
    return stop


def _note(training: Training, log: TextIO, batch: Batch, numbers: dict[str, float]) -> None:
    """Tell the curriculum and the log what came of `batch`."""
    entry = {
        "step": training.step,
        "seconds": round(training.seconds, 1),
        "task": batch.task,
        "level": batch.level,
        "up": training.curriculum.learn(batch.task, batch.level, numbers["right"]),
    }
    log.write(json.dumps(entry | {name: round(value, 4) for name, value in numbers.items()}) + "\n")
    log.flush()


def _save(training: Training, folder: Path) -> None:
    training.save(folder / "state.pt")
    plot(folder / "log.jsonl", folder / "loss.png")


def run(
    training: Training,
    folder: Path,
    *,
    until: float,
    steps: int | None,
    anneal: bool,
    every: float,
    highest: float,
) -> bool:
    """Train until time `until` (seconds since the epoch), for `steps` steps, or until a signal; save now and then.

    With `anneal` the learning rate falls from `highest` to a twentieth of it on the way to `until`. Returns whether
    the run came to its end by itself.
    """
    stop = _stop_on_signals()
    first, start, saved = training.step, time.time(), time.monotonic()
    # Drawn ahead in a process of its own; a thread would take turns with the training's.
    context = multiprocessing.get_context("spawn")
    with (
        ProcessPoolExecutor(1, mp_context=context, initializer=_ignore_interrupts) as artist,
        (folder / "log.jsonl").open("a") as log,
        tqdm(total=steps, unit="step", mininterval=10, maxinterval=30, miniters=20, file=sys.stderr) as bar,
    ):
        ordered: deque[list[Future[Batch]]] = deque()
        while not stop.is_set() and time.time() < until and (steps is None or training.step - first < steps):
            began = time.monotonic()
            while len(ordered) < AHEAD:
                ordered.append(_order(artist, training, training.step + len(ordered)))
            batches = [drawn.result() for drawn in ordered.popleft()]
            rate = highest * min(1.0, (training.step - training.began + 1) / WARM)
            if anneal:
                rate *= max(0.05, 1 - (time.time() - start) / (until - start))
            found = training.learn(batches, rate)
            training.step += 1
            training.seconds += time.monotonic() - began
            for batch, numbers in zip(batches, found, strict=True):
                _note(training, log, batch, numbers)
            bar.update()
            bar.set_postfix_str(str(training.curriculum), refresh=False)
            if time.monotonic() - saved > every:
                saved = time.monotonic()
                _save(training, folder)
    _save(training, folder)
    return not stop.is_set()


def main() -> None:
    """Parse the command line and train."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=checkpoint.TRAINING, help="state, log and plot")
    parser.add_argument("--minutes", type=float, default=100, help="stop after this long")
    parser.add_argument("--steps", type=int, help="stop after this many steps")
    parser.add_argument("--rate", type=float, default=RATE, help="learning rate")
    parser.add_argument("--anneal", action="store_true", help="lower the learning rate on the way to the end")
    parser.add_argument("--save-every", type=float, default=120, help="seconds between two saved states")
    parser.add_argument(
        "--start",
        choices=("shipped", "nothing"),
        default="nothing",
        help="what to begin with where the folder has no state: the weights of the checkpoint, or none",
    )
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument(
        "--release", action=argparse.BooleanOptionalAction, default=True, help="measure and export"
    )
    parser.add_argument("--count", type=int, default=500, help="held-out drawings a set to measure on")
    given = parser.parse_args()
    torch.set_num_threads(1)
    given.folder.mkdir(parents=True, exist_ok=True)
    training = Training(torch.device(given.device))
    if (given.folder / "state.pt").exists():
        training.load(given.folder / "state.pt")
    elif given.start == "shipped":
        training.warm(checkpoint.FOLDER)
        training.attune(draw("tower", index % LEVELS["tower"], ATTUNE_SIZE, index) for index in range(ATTUNE))
    until = time.time() + 60 * given.minutes
    ended = run(
        training,
        given.folder,
        until=until,
        steps=given.steps,
        anneal=given.anneal,
        every=given.save_every,
        highest=given.rate,
    )
    if ended and given.release:
        hardware = torch.cuda.get_device_name() if given.device == "cuda" else f"{LANES} CPU cores"
        release(training, given.folder, checkpoint.FOLDER, hardware=hardware)
        measured = measure(in_process(checkpoint.FOLDER), SETS, given.count, through="transformers")
        show(measured)
        figures.update(checkpoint.FOLDER, measured)


if __name__ == "__main__":
    main()

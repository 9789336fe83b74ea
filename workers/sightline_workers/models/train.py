"""Train the checkpoint from nothing, or go on where the last run stopped: `python -m sightline_workers.models.train`.

Every batch is drawn from its step's number, so that two runs on one machine see the same pictures. The recipe and what
did not work before it: a learning rate of 1e-3 never leaves chance, 6e-4 learns; levels by step count get stuck, levels
by accuracy do not.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import signal
import sys
import time
from collections import deque
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from pathlib import Path
from types import FrameType

import torch
from tqdm import tqdm

from . import checkpoint, figures
from .batch import Batch, draw
from .evaluate import in_process, measure, show
from .lessons import Task
from .plot import plot
from .release import release
from .sets import SETS
from .training import LANES, RATE, WARM, Training

SIZES: dict[Task, int] = {"tower": 24, "ocr": 14, "gui": 7, "sign": 14, "look": 7, "talk": 32, "echo": 48}
"""Pictures, or questions without one, a batch, such that all batches take about the same time."""


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

    With `anneal` the learning rate falls to a twentieth on the way to `until`. Returns whether the run came to its
    end by itself.
    """
    stop = False

    def ask_to_stop(number: int, frame: FrameType | None) -> None:
        nonlocal stop
        stop = True

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, ask_to_stop)
    first, saved, began = training.step, time.monotonic(), time.monotonic()
    start = time.time()
    bar = tqdm(total=steps, unit="step", mininterval=10, maxinterval=30, miniters=20, file=sys.stderr)
    log = (folder / "log.jsonl").open("a")
    # Drawn ahead in a process of its own; threads would take turns with the training's.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context, initializer=_ignore_interrupts) as artist:
        ordered: deque[list[Future[Batch]]] = deque()
        while not stop and time.time() < until and (steps is None or training.step - first < steps):
            while len(ordered) < AHEAD:
                ordered.append(_order(artist, training, training.step + len(ordered)))
            rate = highest * min(1.0, (training.step - training.began + 1) / WARM)
            if anneal:
                rate *= max(0.05, 1 - (time.time() - start) / (until - start))
            batches = [drawn.result() for drawn in ordered.popleft()]
            found = training.learn(batches, rate)
            training.step += 1
            training.seconds += time.monotonic() - began
            began = time.monotonic()
            for batch, numbers in zip(batches, found, strict=True):
                up = training.curriculum.learn(batch.task, batch.level, numbers["right"])
                entry = {
                    "step": training.step,
                    "seconds": round(training.seconds, 1),
                    "task": batch.task,
                    "level": batch.level,
                    "up": up,
                }
                log.write(
                    json.dumps(entry | {name: round(value, 4) for name, value in numbers.items()}) + "\n"
                )
            log.flush()
            bar.update()
            standing = (
                f"{one}:{state.level}/{state.accuracy:.2f}"
                for one, state in training.curriculum.tasks.items()
            )
            bar.set_postfix_str(" ".join(standing), refresh=False)
            if time.monotonic() - saved > every:
                saved = time.monotonic()
                training.save(folder / "state.pt")
                plot(folder / "log.jsonl", folder / "loss.png")
    bar.close()
    log.close()
    training.save(folder / "state.pt")
    plot(folder / "log.jsonl", folder / "loss.png")
    return not stop


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

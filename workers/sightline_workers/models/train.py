"""Train the checkpoint from nothing, or go on where the last run stopped: `python -m sightline_workers.models.train`.

Every batch is drawn from its step's number, so that two runs on one machine see the same pictures. The recipe and what
did not work before it: a learning rate of 1e-3 never leaves chance, 6e-4 learns; levels by step count get stuck, levels
by accuracy do not.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time
from pathlib import Path
from types import FrameType

import torch
from torch.nn import functional
from tqdm import tqdm
from transformers import Qwen3VLForConditionalGeneration

from . import batched, checkpoint, config
from .batch import Batch, draw
from .curriculum import Curriculum
from .heads import PatchHeads
from .plot import plot

RATE = 6e-4
"""Learning rate; 1e-3 is known not to learn."""

WARM = 200
"""Steps until the learning rate is reached."""

AVERAGE = 0.998
"""How much of the averaged weights, which are the ones exported, survives a step."""

LESSON = 0.5
"""Weight of the patches' loss beside the answers' loss."""

SIZES = {"ocr": 48, "gui": 32, "sign": 48, "look": 32, "talk": 32}
"""Samples a batch."""


class Training:
    """The model, its average, the heads and the optimizer, with the step and the curriculum they are at."""

    def __init__(self, device: torch.device) -> None:
        torch.manual_seed(0)
        self.device = device
        # Eager attention in the text model: on a CPU its backward pass takes half the time of the fused one.
        attention = "eager" if device.type == "cpu" else "sdpa"
        self.model = Qwen3VLForConditionalGeneration._from_config(
            config.build(), attn_implementation=attention
        )
        self.model.float().to(device)
        self.heads = PatchHeads(self.model.config.text_config.hidden_size).to(device)
        self.parameters = [*self.model.parameters(), *self.heads.parameters()]
        self.average = [one.detach().clone() for one in self.model.parameters()]
        self.optimizer = torch.optim.AdamW(
            self.parameters, lr=RATE, betas=(0.9, 0.98), weight_decay=0.01, fused=True
        )
        self.curriculum = Curriculum()
        self.step = 0
        self.seconds = 0.0

    def save(self, path: Path) -> None:
        """Write everything that going on needs, in one rename."""
        state = {
            "model": self.model.state_dict(),
            "average": self.average,
            "heads": self.heads.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "curriculum": self.curriculum.dump(),
            "step": self.step,
            "seconds": self.seconds,
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.save(state, path.with_suffix(".new"))
        path.with_suffix(".new").rename(path)

    def load(self, path: Path) -> None:
        """Go on from what `save` wrote."""
        state = torch.load(path, map_location=self.device, weights_only=True)
        self.model.load_state_dict(state["model"])
        self.average = [one.detach() for one in state["average"]]
        self.heads.load_state_dict(state["heads"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.curriculum = Curriculum.load(state["curriculum"])
        self.step, self.seconds = state["step"], state["seconds"]

    def averaged(self) -> Qwen3VLForConditionalGeneration:
        """A copy of the model with the averaged weights."""
        copy = Qwen3VLForConditionalGeneration(self.model.config)
        for one, mean in zip(copy.parameters(), self.average, strict=True):
            one.data.copy_(mean)
        return copy

    def learn(self, batch: Batch, rate: float) -> dict[str, float]:
        """One step on `batch`; returns its losses and accuracies."""
        ids = torch.from_numpy(batch.ids).to(self.device)
        wanted = torch.from_numpy(batch.answers[:, 1:]).to(self.device)
        lesson = torch.zeros((), device=self.device)
        read = torch.full((), float("nan"))
        with torch.autocast(self.device.type, torch.bfloat16):
            seen = None
            if batch.pixels is not None:
                pixels = torch.from_numpy(batch.pixels).to(self.device).float().div_(127.5).sub_(1)
                seen = batched.see(self.model, pixels, batch.grid)
                lesson, read = self.heads(seen.merged, torch.from_numpy(batch.truth).to(self.device))
            hidden = batched.hidden(self.model, ids, seen, batch.start, batch.grid)
            scores = self.model.lm_head(hidden[:, :-1][wanted])
        target = ids[:, 1:][wanted]
        loss = functional.cross_entropy(scores.float(), target)
        self.optimizer.zero_grad(set_to_none=True)
        (loss + LESSON * lesson).backward()
        torch.nn.utils.clip_grad_norm_(self.parameters, 1.0)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.step()
        keep = min(AVERAGE, self.step / (self.step + 10))
        with torch.no_grad():
            torch._foreach_lerp_(self.average, list(self.model.parameters()), 1 - keep)
        wrong = torch.zeros_like(wanted)
        wrong[wanted] = scores.argmax(-1) != target
        return {
            "loss": loss.item(),
            "lesson": lesson.item(),
            "right": 1 - wrong.any(1).float().mean().item(),
            "tokens": 1 - wrong.sum().item() / max(1, wanted.sum().item()),
            "read": read.item(),
        }


def run(
    training: Training, folder: Path, *, until: float, steps: int | None, anneal: int, every: float
) -> None:
    """Train until time `until` (seconds since the epoch), for `steps` steps, or until a signal; save now and then.

    With `anneal` the learning rate falls to a twentieth over that many steps, and the run ends there.
    """
    stop = False

    def ask_to_stop(number: int, frame: FrameType | None) -> None:
        nonlocal stop
        stop = True

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, ask_to_stop)
    first, saved, began = training.step, time.monotonic(), time.monotonic()
    total = anneal or steps
    bar = tqdm(
        total=total, initial=0, unit="step", mininterval=10, maxinterval=30, miniters=20, file=sys.stderr
    )
    log = (folder / "log.jsonl").open("a")
    while not stop and time.time() < until and (total is None or training.step - first < total):
        rate = RATE * min(1.0, (training.step + 1) / WARM)
        if anneal:
            rate *= max(0.05, 1 - (training.step - first) / anneal)
        task, level = training.curriculum.choose(training.step)
        numbers = training.learn(draw(task, level, SIZES[task], training.step), rate)
        training.step += 1
        training.seconds += time.monotonic() - began
        began = time.monotonic()
        up = training.curriculum.learn(task, level, numbers["right"])
        entry = {
            "step": training.step,
            "seconds": round(training.seconds, 1),
            "task": task,
            "level": level,
            "up": up,
        }
        log.write(json.dumps(entry | {name: round(value, 4) for name, value in numbers.items()}) + "\n")
        bar.update()
        standing = (
            f"{one}:{state.level}/{state.accuracy:.2f}" for one, state in training.curriculum.tasks.items()
        )
        bar.set_postfix_str(" ".join(standing), refresh=False)
        if time.monotonic() - saved > every:
            saved = time.monotonic()
            log.flush()
            training.save(folder / "state.pt")
            plot(folder / "log.jsonl", folder / "loss.png")
    bar.close()
    log.close()
    training.save(folder / "state.pt")
    plot(folder / "log.jsonl", folder / "loss.png")


def main() -> None:
    """Parse the command line and train."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=checkpoint.TRAINING, help="state, log and plot")
    parser.add_argument("--minutes", type=float, default=100, help="stop after this long")
    parser.add_argument("--steps", type=int, help="stop after this many steps")
    parser.add_argument(
        "--anneal", type=int, default=0, help="lower the learning rate over this many steps and stop"
    )
    parser.add_argument("--save-every", type=float, default=120, help="seconds between two saved states")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    given.folder.mkdir(parents=True, exist_ok=True)
    training = Training(torch.device(given.device))
    if (given.folder / "state.pt").exists():
        training.load(given.folder / "state.pt")
    until = time.time() + 60 * given.minutes
    run(training, given.folder, until=until, steps=given.steps, anneal=given.anneal, every=given.save_every)


if __name__ == "__main__":
    main()

"""The state of a training and one step of it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional
from transformers import Qwen3VLForConditionalGeneration

from . import batched, config, places
from .batch import Batch
from .curriculum import HOME, Curriculum
from .heads import PatchHeads, looking
from .lessons import TASKS, Task
from .tokenizer import CONTENT, STEP, token_ids

RATE = 7e-4
"""Learning rate of everything that AdamW trains; 1e-3 is known not to learn from nothing."""

HEADS = 3e-3
"""Learning rate of the heads while they alone learn."""

MATRICES = 4.0
"""How much higher the rate of the layers' matrices is, which Muon trains: with it 74 % of the characters on a page
are told right after the five minutes in which AdamW alone comes to 65 %."""

WARM = 100
"""Steps until the learning rate is reached."""

AVERAGE = 0.997
"""How much of the averaged weights, which are the ones exported, survives a step."""

LESSON = 0.5
"""Weight of the patches' loss beside the answers' loss."""

LOOKING = 0.5
"""Weight of the loss on where to look beside the answers' loss."""

CHOICE = 4.0
"""Weight of the tokens that a gui or chat answer is decided by; all the others can be told without the picture. Of
`boxes` these are the places, which take longer to learn than the characters."""

CHOOSING: tuple[Task, ...] = ("boxes", "gui", "look", "sign")
"""The tasks with such answers."""

WATCHED = 2
"""The text layer whose first head learns where to look; the layer above turns what it saw into words and places."""

LANES = 2
"""Batches a step, each on a thread of its own: on two cores this is a third faster than two threads a batch, and
every step sees two tasks."""


def _places(ids: Tensor) -> Tensor:
    """Which tokens are places in steps."""
    steps = token_ids()
    return (ids >= steps["[0, "]) & (ids <= steps[f"{1000 - STEP}{CONTENT}"])


def _right(said: Tensor, wanted: Tensor) -> Tensor:
    """Which tokens are right; of a place the neighbouring step will do."""
    near = (said - wanted).abs() <= 1
    return (said == wanted) | (_places(wanted) & near)


class Training:
    """The model, its average, the heads and the optimizers, with the step and the curriculum they are at."""

    def __init__(self, device: torch.device) -> None:
        torch.manual_seed(0)
        self.device = device
        self.model = Qwen3VLForConditionalGeneration._from_config(config.build())
        places.mark(self.model.model.visual.pos_embed)
        self.model.float().to(device)
        self.heads = PatchHeads(self.model.config.text_config.hidden_size).to(device)
        self.parameters = [*self.model.parameters(), *self.heads.parameters()]
        self.average = [one.detach().clone() for one in self.model.parameters()]
        matrices = [
            one
            for name, one in self.model.named_parameters()
            if one.ndim == 2 and (".blocks." in name or ".layers." in name)
        ]
        chosen = set(map(id, matrices))
        rest = [one for one in self.parameters if id(one) not in chosen]
        self.optimizers: list[torch.optim.Optimizer] = [
            torch.optim.Muon(matrices, lr=RATE, weight_decay=0.01, adjust_lr_fn="match_rms_adamw"),
            torch.optim.AdamW(rest, lr=RATE, betas=(0.9, 0.98), weight_decay=0.01, fused=True),
        ]
        self.curriculum = Curriculum()
        self.step = self.began = 0
        self.seconds = 0.0
        # torch sets the number of threads anew for every thread that calls it.
        self.pool = ThreadPoolExecutor(LANES, initializer=torch.set_num_threads, initargs=(1,))

    def save(self, path: Path) -> None:
        """Write everything that going on needs, in one rename."""
        state = {
            "model": self.model.state_dict(),
            "average": self.average,
            "heads": self.heads.state_dict(),
            "optimizers": [one.state_dict() for one in self.optimizers],
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
        for one, saved in zip(self.optimizers, state["optimizers"], strict=True):
            one.load_state_dict(saved)
        self.curriculum = Curriculum.load(state["curriculum"])
        self.step, self.seconds = state["step"], state["seconds"]

    def warm(self, folder: Path) -> None:
        """Start from the weights of the checkpoint in `folder`; the heads and the optimizers begin anew."""
        weights = load_file(folder / "model.safetensors", device=str(self.device))
        self.model.load_state_dict({name: one.float() for name, one in weights.items()}, strict=False)
        self.average = [one.detach().clone() for one in self.model.parameters()]
        told = json.loads((folder / "training.json").read_text())
        self.step, self.seconds = int(told["steps"]), float(told["seconds"])
        self.began = self.step
        for task in TASKS:
            self.curriculum.tasks[task].level = min(int(told["levels"].get(task, 0)), HOME[task])

    def attune(self, batches: Iterable[Batch]) -> None:
        """Teach the heads alone what a tower knows already: heads that guess would make it forget.

        Raises ValueError for batches without pictures.
        """
        optimizer = torch.optim.Adam(self.heads.parameters(), lr=HEADS)
        for batch in batches:
            if batch.pixels is None or batch.truth is None:
                raise ValueError(f"{batch.task} has no pictures for the heads to learn from")
            with torch.autocast(self.device.type, torch.bfloat16):
                with torch.no_grad():
                    merged = batched.see(
                        self.model, self._pixels(batch.pixels), batch.grid, deep=False
                    ).merged
                loss, _ = self.heads(merged, torch.from_numpy(batch.truth).to(self.device))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    def _pixels(self, pixels: NDArray[np.uint8]) -> Tensor:
        """As the tower takes them, from -1 to 1."""
        return torch.from_numpy(pixels).to(self.device).float().div_(127.5).sub_(1)

    def averaged(self) -> Qwen3VLForConditionalGeneration:
        """A copy of the model with the averaged weights."""
        copy = Qwen3VLForConditionalGeneration(self.model.config)
        for one, mean in zip(copy.parameters(), self.average, strict=True):
            one.data.copy_(mean)
        return copy

    def learn(self, batches: Sequence[Batch], rate: float) -> list[dict[str, float]]:
        """One step on `batches`, side by side; returns the losses and accuracies of each."""
        found = list(self.pool.map(self._gradients, batches))
        for index, one in enumerate(self.parameters):
            parts = [gradients[index] for gradients, _ in found if gradients[index] is not None]
            one.grad = torch.stack(parts).sum(0).div_(len(batches)) if parts else None
        torch.nn.utils.clip_grad_norm_(self.parameters, 1.0)
        for optimizer, factor in zip(self.optimizers, (MATRICES, 1.0), strict=True):
            for group in optimizer.param_groups:
                group["lr"] = rate * factor
            optimizer.step()
        keep = min(AVERAGE, self.step / (self.step + 10))
        with torch.no_grad():
            torch._foreach_lerp_(self.average, list(self.model.parameters()), 1 - keep)
        return [numbers for _, numbers in found]

    def _gradients(self, batch: Batch) -> tuple[tuple[Tensor | None, ...], dict[str, float]]:
        """The gradients of the loss on `batch`, and its numbers."""
        numbers: dict[str, float] = {}
        loss = torch.zeros((), device=self.device)
        with torch.autocast(self.device.type, torch.bfloat16):
            seen = None
            if batch.pixels is not None:
                pixels = self._pixels(batch.pixels)
                seen = batched.see(self.model, pixels, batch.grid, deep=batch.ids.shape[1] > 0)
                lesson, read = self.heads(seen.merged, torch.from_numpy(batch.truth).to(self.device))
                loss = loss + LESSON * lesson
                numbers |= {"lesson": lesson.item(), "read": read.item(), "right": read.item()}
            if seen is not None and batch.questions > 1:
                seen = seen.repeated(batch.questions)
            if batch.ids.shape[1]:
                loss = loss + self._answers(batch, seen, numbers)
        return torch.autograd.grad(loss, self.parameters, allow_unused=True), numbers

    def _answers(self, batch: Batch, seen: batched.Seen | None, numbers: dict[str, float]) -> Tensor:
        """The loss of the answers and of where they look; `numbers` gets their figures."""
        ids = torch.from_numpy(batch.ids).to(self.device)
        wanted = torch.from_numpy(batch.answers[:, 1:]).to(self.device)
        hidden, attention = batched.read(self.model, ids, seen, batch.start, batch.grid, WATCHED)
        scores = self.model.lm_head(hidden[:, :-1][wanted])
        target = ids[:, 1:][wanted]
        each = functional.cross_entropy(scores.float(), target, reduction="none")
        loss = each.mean()
        if batch.looks is not None:
            looks = torch.from_numpy(batch.looks).to(self.device)
            looked, found = looking(attention, looks)
            chosen = _places(target) if batch.task == "boxes" else looks[:, :-1].any(-1)[wanted]
            if batch.task in CHOOSING:
                weight = 1 + (CHOICE - 1) * chosen
                loss = (each * weight).sum() / weight.sum()
            loss = loss + LOOKING * looked
            numbers |= {"looked": looked.item(), "found": found.item()}
        wrong = torch.zeros_like(wanted)
        wrong[wanted] = ~_right(scores.argmax(-1), target)
        numbers["loss"] = each.mean().item()
        numbers["right"] = 1 - wrong.any(1).float().mean().item()
        numbers["tokens"] = 1 - wrong.sum().item() / max(1, wanted.sum().item())
        return loss

"""The state of a training and one step of it."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional
from transformers import Qwen3VLForConditionalGeneration

from . import batched, config
from .batch import Batch
from .curriculum import Curriculum
from .heads import PatchHeads, Pointer

RATE = 6e-4
"""Learning rate; 1e-3 is known not to learn."""

WARM = 200
"""Steps until the learning rate is reached."""

AVERAGE = 0.996
"""How much of the averaged weights, which are the ones exported, survives a step."""

LESSON = 0.5
"""Weight of the patches' and the pointer's losses beside the answers' loss."""

CHOICE = 8.0
"""Weight of the first digit of x and of y, and of a chat answer's first token, against other tokens."""

POINTING = 1
"""The text layer after which the pointer looks; the layers above it turn what was found into words and digits."""


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
        self.pointer = Pointer(self.model.config.text_config.hidden_size).to(device)
        self.parameters = [*self.model.parameters(), *self.heads.parameters(), *self.pointer.parameters()]
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
            "pointer": self.pointer.state_dict(),
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
        self.pointer.load_state_dict(state["pointer"])
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
        read = found = torch.full((), float("nan"))
        with torch.autocast(self.device.type, torch.bfloat16):
            seen = None
            if batch.pixels is not None:
                pixels = torch.from_numpy(batch.pixels).to(self.device).float().div_(127.5).sub_(1)
                seen = batched.see(self.model, pixels, batch.grid)
                lesson, read = self.heads(seen.merged, torch.from_numpy(batch.truth).to(self.device))
            states: list[Tensor] = []
            hidden = batched.hidden(self.model, ids, seen, batch.start, batch.grid, states=states)
            if seen is not None and batch.targets is not None:
                image = slice(batch.start, batch.start + seen.merged.shape[1])
                targets = torch.from_numpy(batch.targets).to(self.device)
                asks = torch.from_numpy(batch.asks).to(self.device)
                pointed, found = self.pointer(states[POINTING], asks, image, targets)
                lesson = lesson + pointed
            scores = self.model.lm_head(hidden[:, :-1][wanted])
        target = ids[:, 1:][wanted]
        weight = torch.ones(wanted.shape, device=self.device)
        if batch.asks is not None:
            # The tokens in which the choice shows; all the others of such an answer can be told without it.
            weight.scatter_(1, torch.from_numpy(batch.asks).to(self.device), CHOICE)
        loss = (functional.cross_entropy(scores.float(), target, reduction="none") * weight[wanted]).mean()
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
            "found": found.item(),
        }

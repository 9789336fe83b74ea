"""The heads that teach the vision tower what its patches show; they end with the training (see `truth`)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from .config import MERGE
from .truth import CLASSES


class PatchHeads(nn.Module):
    """One linear layer that answers `truth`'s questions for the four patches of every image token."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.classes = CLASSES
        self.linear = nn.Linear(width, MERGE**2 * sum(CLASSES))

    def forward(self, merged: Tensor, truth: Tensor) -> tuple[Tensor, Tensor]:
        """The loss, and the share of characters told right, of (batch, tokens, width) against (batch, 6, patches).

        Patches that show nothing count a tenth, because most do.
        """
        batch, tokens, _ = merged.shape
        scores = self.linear(merged).float().view(batch, tokens * MERGE**2, sum(self.classes))
        loss = torch.zeros((), device=merged.device)
        right = torch.zeros((), device=merged.device)
        for number, answer in enumerate(scores.split(list(self.classes), dim=-1)):
            wanted = truth[:, number]
            if not wanted.any():
                continue
            weight = torch.where(wanted > 0, 1.0, 0.1)
            each = functional.cross_entropy(answer.transpose(1, 2), wanted, reduction="none")
            loss = loss + (each * weight).sum() / weight.sum()
            if number == 0:
                right = (answer.argmax(-1) == wanted)[wanted > 0].float().mean()
        return loss, right


class Pointer(nn.Module):
    """Teaches the text model's lower half to find, among the image tokens, those that an answer is about.

    Choosing a button by its label is a circuit of several steps that the digits of a coordinate alone hardly reward.
    """

    def __init__(self, width: int, inner: int = 64) -> None:
        super().__init__()
        self.ask = nn.Linear(width, inner)
        self.show = nn.Linear(width, inner)

    def forward(self, hidden: Tensor, asks: Tensor, image: slice, targets: Tensor) -> tuple[Tensor, Tensor]:
        """The loss, and the share of samples whose best token is a right one.

        `hidden` is (batch, length, width); `asks` (batch, 2) token indices; `targets` (batch, image tokens). Samples
        without a target do not count.
        """
        some = targets.any(1)
        if not some.any():
            return hidden.new_zeros(()), hidden.new_full((), float("nan"))
        asking = self.ask(hidden[torch.arange(len(hidden), device=hidden.device)[:, None], asks])
        scores = (
            torch.einsum("bkd,btd->bkt", asking, self.show(hidden[:, image])).float()
            / asking.shape[-1] ** 0.5
        )
        share = scores.log_softmax(-1).masked_fill(~targets[:, None], float("-inf")).logsumexp(-1)
        right = targets.gather(1, scores.argmax(-1))
        return -share[some].mean(), right[some].float().mean()

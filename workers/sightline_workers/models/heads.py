"""The lessons beside the answers: what the patches show, and where to look (see `truth` and `lessons.Look`)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from .config import MERGE
from .truth import CLASSES


class PatchHeads(nn.Module):
    """One linear layer that answers `truth`'s questions for the four patches of every image token.

    It ends with the training.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.classes = CLASSES
        self.linear = nn.Linear(width, MERGE**2 * sum(CLASSES))
        # Of chance weights, what the first steps ask of a tower that can read already would be to forget it.
        nn.init.zeros_(self.linear.weight)

    def forward(self, merged: Tensor, truth: Tensor) -> tuple[Tensor, Tensor]:
        """The loss, and the share of characters told right.

        `merged` is (batch, tokens, width), `truth` (batch, questions, patches). Patches that show
        nothing count a tenth, because most do.
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


def looking(attention: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
    """The loss, and the share of looks whose best token is a right one, of one attention head.

    `attention` is (batch, length, length), each row a distribution; `wanted` the same in bool. Rows without a wanted
    token do not count. Finding the place that an answer is about is a circuit of several steps, which the characters
    of the answer alone hardly reward.
    """
    some = wanted.any(-1)
    if not some.any():
        return attention.new_zeros(()), attention.new_full((), float("nan"))
    rows, right = attention[some].float(), wanted[some]
    loss = -((rows * right).sum(-1) + 1e-6).log().mean()
    return loss, right.gather(-1, rows.argmax(-1, keepdim=True)).float().mean()

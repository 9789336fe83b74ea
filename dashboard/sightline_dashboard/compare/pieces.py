"""A difference of two texts as it is read: changes with what stands around them, not all that stayed the same."""

from collections.abc import Sequence
from dataclasses import dataclass

from sightline.comparison.text import Run

CONTEXT = 240
"""Characters that are shown before and after a change."""


@dataclass(frozen=True, kw_only=True)
class Piece:
    """A run, or what is left out between two changes."""

    change: str
    """same, less, more, or left_out."""
    text: str
    """Empty where it is left out."""
    length: int
    """Characters."""


def pieces(runs: Sequence[Run]) -> list[Piece]:
    """The runs, with long unchanged ones shortened to what stands beside a change."""
    found: list[Piece] = []
    for number, run in enumerate(runs):
        if run.change != "same":
            found.append(_piece(run.change, run.text))
            continue
        before = "" if number == 0 else run.text[:CONTEXT]
        after = "" if number == len(runs) - 1 else run.text[-CONTEXT:]
        left = len(run.text) - len(before) - len(after)
        if left <= CONTEXT or len(runs) == 1:
            found.append(_piece("same", run.text))
            continue
        shown = [
            _piece("same", before),
            Piece(change="left_out", text="", length=left),
            _piece("same", after),
        ]
        found += [piece for piece in shown if piece.length]
    return found


def _piece(change: str, text: str) -> Piece:
    return Piece(change=change, text=text, length=len(text))

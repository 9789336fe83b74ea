"""How much two texts differ, and where.

The character error rate is Levenshtein's distance (V. I. Levenshtein, *Binary codes capable of correcting
deletions, insertions and reversals*, 1966) over the length of the first text: (S + D + I) / N, as OCR is measured
since S. V. Rice, *Measuring the accuracy of page-reading systems*, 1996.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from rapidfuzz.distance import Levenshtein

MOST_CHARACTERS = 50_000
"""Characters of a text that are compared: a dense page has 5,000, and the work grows with the square."""

_WORDS = re.compile(r"\s+|\w+|[^\w\s]")


@dataclass(frozen=True, kw_only=True)
class Run:
    """A piece of the two texts."""

    change: str
    """same; less: only the first text has it; more: only the second one has it."""
    text: str


@dataclass(frozen=True, kw_only=True)
class TextDifference:
    """The second text against the first."""

    distance: int
    """Characters to insert, delete or replace."""
    first_length: int
    """Characters of the first text."""
    second_length: int
    """Characters of the second text."""
    cut: bool
    """One text was longer than `MOST_CHARACTERS`: only their beginnings were compared."""
    runs: tuple[Run, ...]
    """Both texts in order, by words: joined, `same` and `less` are the first one, `same` and `more` the second."""

    @property
    def compared(self) -> int:
        """Characters of the first text that were compared: what the error rate is a share of."""
        return min(self.first_length, MOST_CHARACTERS)

    @property
    def error_rate(self) -> float | None:
        """Character error rate; above 1 where the second text is much longer, None where the first is empty."""
        if self.first_length == 0:
            return 0.0 if self.second_length == 0 else None
        return self.distance / self.compared


def compare_texts(first: str, second: str) -> TextDifference:
    """Distance by characters, runs by words: single letters in the middle of words cannot be read."""
    left, right = first[:MOST_CHARACTERS], second[:MOST_CHARACTERS]
    return TextDifference(
        distance=Levenshtein.distance(left, right),
        first_length=len(first),
        second_length=len(second),
        cut=len(left) < len(first) or len(right) < len(second),
        runs=tuple(_joined(_runs(left, right))),
    )


def _runs(left: str, right: str) -> Iterator[Run]:
    ours, theirs = _WORDS.findall(left), _WORDS.findall(right)
    for step in Levenshtein.opcodes(ours, theirs):
        if step.tag == "equal":
            yield Run(change="same", text="".join(ours[step.src_start : step.src_end]))
            continue
        if step.src_end > step.src_start:
            yield Run(change="less", text="".join(ours[step.src_start : step.src_end]))
        if step.dest_end > step.dest_start:
            yield Run(change="more", text="".join(theirs[step.dest_start : step.dest_end]))


def _joined(runs: Iterator[Run]) -> Iterator[Run]:
    """Neighbouring changes as one: all that is gone, then all that is new, and a blank between two changes with them.

    "a b" → "c d" reads better as one replacement than as two with an unchanged blank in between.
    """
    less, more, pending = "", "", ""
    for run in runs:
        if run.change == "same":
            if (less or more) and not pending and run.text == " ":
                pending = run.text
                continue
            yield from _change(less, more)
            yield Run(change="same", text=pending + run.text)
            less = more = pending = ""
            continue
        less, more, pending = less + pending, more + pending, ""
        less += run.text if run.change == "less" else ""
        more += run.text if run.change == "more" else ""
    yield from _change(less, more)
    if pending:
        yield Run(change="same", text=pending)


def _change(less: str, more: str) -> Iterator[Run]:
    if less:
        yield Run(change="less", text=less)
    if more:
        yield Run(change="more", text=more)

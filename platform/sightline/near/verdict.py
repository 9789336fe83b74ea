"""Do two outputs say the same? How it is said does not count: raw text, wording of a thought, a pixel or two."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models import TextChoices


class Verdict(TextChoices):
    """How the check of a hit ended."""

    PENDING = "pending"
    SAME = "same"
    """The engine gives the same answer."""
    DIFFERENT = "different"
    """A false hit: the engine answers something else."""
    VOID = "void"
    """There is nothing to compare: the engine gave no whole answer, or one of the jobs was erased."""


_MANNER = frozenset(
    {"raw", "thought", "description", "repaired", "warnings", "attempts", "resolved", "bbox_px"}
    | {"id", "created", "usage", "system_fingerprint", "reasoning", "reasoning_content", "logprobs"}
)
"""What may differ between two right answers, or follows from the rest."""
_PLACES = frozenset({"coordinate", "coordinate2", "bbox_2d"})
GRID_TOLERANCE = 5
"""Points of the model's grid of 1000 that a place may differ: half a per cent of the screen, less than any button."""


def agree(one: Any, other: Any) -> bool:
    """Whether two outputs of one kind say the same."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        names = (one.keys() | other.keys()) - _MANNER
        return all(
            _close(one.get(name), other.get(name))
            if name in _PLACES
            else agree(one.get(name), other.get(name))
            for name in names
        )
    if isinstance(one, str) and isinstance(other, str):
        return one == other or re.sub(r"\s+", " ", one).strip() == re.sub(r"\s+", " ", other).strip()
    if _is_list(one) and _is_list(other):
        return len(one) == len(other) and all(map(agree, one, other))
    return type(one) is type(other) and bool(one == other)


def _close(one: Any, other: Any) -> bool:
    """Whether two places are the same for who clicks or reads there."""
    if not (_is_list(one) and _is_list(other) and len(one) == len(other)):
        return agree(one, other)
    return all(
        isinstance(a, int | float) and isinstance(b, int | float) and abs(a - b) <= GRID_TOLERANCE
        for a, b in zip(one, other, strict=True)
    )


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)

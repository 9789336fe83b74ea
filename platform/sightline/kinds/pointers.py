"""JSON pointers for pydantic's error locations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def pointer(loc: Sequence[str | int], value: Any, *, missing: bool = False) -> str:
    """The JSON pointer (RFC 6901) of an error at `loc` in the input `value`, "" for the whole.

    Pydantic puts the names of union members into its locations (`messages, 0, user, content, parts, 1`).
    They are no part of the input, so only steps that exist in it are taken. With `missing`, the last
    step names the field that is not there.
    """
    steps: list[str] = []
    for position, step in enumerate(loc):
        last = position == len(loc) - 1
        if _exists(step, value):
            value = value[step]
        elif not (last and missing and isinstance(value, dict)):
            continue
        steps.append(str(step).replace("~", "~0").replace("/", "~1"))
    return "".join(f"/{step}" for step in steps)


def _exists(step: str | int, value: Any) -> bool:
    if isinstance(value, list):
        return isinstance(step, int) and 0 <= step < len(value)
    return isinstance(value, dict) and step in value

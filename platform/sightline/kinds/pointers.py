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
    path = _path(tuple(loc), value, missing)[1]
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in path)


def _path(loc: tuple[str | int, ...], value: Any, missing: bool) -> tuple[bool, tuple[str | int, ...]]:
    """(the last step is taken, the steps taken). A member's name may also be a field's, so both are tried."""
    if not loc:
        return True, ()
    step, rest = loc[0], loc[1:]
    skipped = _path(rest, value, missing) if rest else (False, ())
    if _exists(step, value):
        ended, path = _path(rest, value[step], missing)
        return max((ended, (step, *path)), skipped, key=lambda found: (found[0], len(found[1])))
    if not rest and missing and isinstance(value, dict):
        return True, (step,)
    return skipped


def _exists(step: str | int, value: Any) -> bool:
    if isinstance(value, list):
        return isinstance(step, int) and 0 <= step < len(value)
    return isinstance(value, dict) and step in value

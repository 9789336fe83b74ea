"""Text at the border: what an input may hold, and what an output can be stored as."""

from __future__ import annotations

import math
import re
from typing import Annotated, Any

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

MAX_NESTING = 32
"""Deepest level of free-form JSON (tools, schemas, fields) that an input may hold."""

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def _storable_text(value: str) -> str:
    # PostgreSQL refuses both in text and JSON, SQLite cuts text at NUL: refused at the door, not later.
    if value.isascii() and "\x00" not in value:  # an image in base64 has a million characters
        return value
    bad = _UNSTORABLE.search(value)
    if bad and bad.group() == "\x00":
        raise PydanticCustomError("nul_character", "must not contain the NUL character")
    if bad:
        raise PydanticCustomError("lone_surrogate", "must not contain lone surrogates")
    return value


STORABLE = AfterValidator(_storable_text)
"""Marks a string that every supported database can store: no NUL, no lone surrogates."""


def _checked_json(value: Any, depth: int = 0) -> Any:
    if depth > MAX_NESTING:
        raise PydanticCustomError("too_deep", "is nested deeper than {limit} levels", {"limit": MAX_NESTING})
    if isinstance(value, str):
        _storable_text(value)
    elif isinstance(value, float) and not math.isfinite(value):
        raise PydanticCustomError("not_finite", "must not contain NaN or infinity")
    elif isinstance(value, dict):
        for key, item in value.items():
            _checked_json(key, depth + 1)
            _checked_json(item, depth + 1)
    elif isinstance(value, list):
        for item in value:
            _checked_json(item, depth + 1)
    elif value is not None and not isinstance(value, str | int | float | bool):
        raise PydanticCustomError("not_json", "must be JSON")
    return value


JsonObject = Annotated[dict[str, Any], AfterValidator(_checked_json)]
"""A free-form JSON object that every supported database can store."""


def storable(value: Any) -> Any:
    """`value` as JSON that every supported database can store and every client can read.

    NUL and lone surrogates become U+FFFD, NaN and infinity null, integers beyond 64 bits a string of digits.
    Models write all of these, mostly as escapes inside JSON.
    """
    if isinstance(value, str):
        return _UNSTORABLE.sub("\ufffd", value)
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int):
        return value if -(2**63) <= value < 2**63 else str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {storable(str(key)): storable(item) for key, item in value.items()}
    return [storable(item) for item in value]

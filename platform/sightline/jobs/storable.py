"""What a model or an error says may hold characters that a database refuses."""

import math
import re
from typing import TypeVar, cast

T = TypeVar("T")

_REFUSED = re.compile("[\x00\ud800-\udfff]")
"""PostgreSQL stores no NUL, in text or in jsonb, and no lone surrogate; a finish must not fail for one."""


def storable(value: T) -> T:
    """The same text or JSON value with U+FFFD for each such character, and null for NaN and the infinities."""
    return cast(T, _clean(value))


def _clean(value: object) -> object:
    match value:
        case str():
            return _REFUSED.sub("\ufffd", value)
        case float():
            return value if math.isfinite(value) else None
        case dict():
            return {_clean(key): _clean(item) for key, item in value.items()}
        case list() | tuple():
            return [_clean(item) for item in value]
        case _:
            return value

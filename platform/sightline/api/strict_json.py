"""JSON as RFC 8259 means it, within bounds: what any supported database can store and no parser trips over."""

import json
import math
import re
from typing import Any

from sightline.errors import FieldError, Problem

MAX_DEPTH = 64
"""Deepest nesting of lists and objects."""
MAX_NODES = 200_000
"""Most values in a body. A million keys in 8 MB would make a gigabyte of Python objects."""

_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


class InvalidJson(Problem):
    code, status = "invalid_json", 400


def loads(raw: bytes, *, pointer: str = "") -> Any:
    """The value of a JSON text in UTF-8; `InvalidJson` (400) for anything else.

    Refused besides bad syntax: duplicate keys, NaN and infinity (also spelt 1e999), NUL and lone surrogates in
    strings (PostgreSQL stores neither), nesting and size beyond the bounds.
    """
    try:
        # Counted before anything is built: each value but the first needs a comma or an opening bracket.
        opening = raw.count(b"[") + raw.count(b"{")
        if opening + raw.count(b",") > MAX_NODES:
            raise InvalidJson(f"The body holds more than {MAX_NODES} values.")
        value = json.loads(
            raw.decode("utf-8-sig"), parse_constant=_refuse, parse_float=_finite, object_pairs_hook=_unique
        )
        if opening > MAX_DEPTH:
            _check_depth(value)
        if b"\\u0000" in raw or b"\x00" in raw:
            _check_nul(value)
        if _SURROGATE.search(raw):
            json.dumps(value, ensure_ascii=False).encode()
    except InvalidJson as refusal:
        if pointer and not refusal.errors:
            refusal.errors = (FieldError(pointer=pointer, detail=refusal.detail),)
        raise
    except RecursionError as error:
        raise InvalidJson(f"The body is nested deeper than {MAX_DEPTH} levels.") from error
    except UnicodeDecodeError as error:
        raise InvalidJson("The body is not UTF-8.") from error
    except UnicodeEncodeError as error:
        raise InvalidJson("A string holds a lone surrogate.") from error
    except json.JSONDecodeError as error:
        raise InvalidJson(f"{error.msg} at line {error.lineno}, column {error.colno}.") from error
    except ValueError as error:  # a whole number of more digits than Python converts
        raise InvalidJson("A number is too long.") from error
    return value


def _refuse(name: str) -> Any:
    raise InvalidJson(f"{name} is not JSON.")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise InvalidJson("A number is too large.")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise InvalidJson(f"The key {key[:100]!r} stands twice in one object.")
            seen.add(key)
    return found


def _check_depth(value: Any) -> None:
    level, depth = [value], 0
    while level:
        depth += 1
        if depth > MAX_DEPTH:
            raise InvalidJson(f"The body is nested deeper than {MAX_DEPTH} levels.")
        level = (
            [
                child
                for item in level
                for child in (item.values() if isinstance(item, dict) else item)
                if isinstance(child, dict | list)
            ]
            if depth > 1 or isinstance(value, dict | list)
            else []
        )


def _check_nul(value: Any) -> None:
    todo = [value]
    while todo:
        item = todo.pop()
        if isinstance(item, dict):
            todo += item.keys()
            todo += item.values()
        elif isinstance(item, list):
            todo += item
        elif isinstance(item, str) and "\x00" in item:
            raise InvalidJson("A string holds the NUL character.")

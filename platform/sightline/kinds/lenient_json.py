"""JSON as models write it: fenced, in prose, single-quoted, with LaTeX backslashes, cut off in the middle.

Strict JSON is tried first. The lenient reader below it never guesses a value: what is cut off is dropped, and
the result says so.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from itertools import islice
from typing import Any

MAX_DEPTH = 40
"""Deepest nesting the lenient reader follows; beyond it, text is treated as cut off there."""

_FENCED = frozenset(
    {"", "json", "markdown", "md", "html", "text", "txt", "latex", "xml", "python", "tool_call"}
)
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
_WORD = re.compile(r"[A-Za-z_][\w.-]*")
_PAIR = re.compile("[\ud800-\udbff][\udc00-\udfff]")
_SPACE = re.compile(r"\s*")
_WORDS = {"true": True, "True": True, "false": False, "False": False, "null": None, "None": None}
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "/": "/", "\\": "\\", '"': '"', "'": "'"}
_CHUNK = {quote: re.compile(rf"[^\\{quote}]*") for quote in "\"'"}
"""Text of a string up to its next backslash or closing quote."""
_DROPPED = object()


@dataclass(frozen=True, kw_only=True)
class Found:
    """A JSON value found in text."""

    value: Any
    """The object or list."""
    complete: bool
    """False: something was cut off or unreadable, and left out."""
    start: int
    """Where it starts in the text."""
    end: int
    """Where reading stopped in the text."""


def unfenced(text: str) -> str:
    """`text` without the one code fence around it, closed or not; other text is returned stripped."""
    text = text.strip()
    opening, newline, body = text.partition("\n")
    if not newline or not opening.startswith("```") or opening[3:].strip().lower() not in _FENCED:
        return text
    return body.removesuffix("```").strip()


def find(text: str, opening: str = "{[", start: int = 0) -> Found | None:
    """The first object or list in `text` from `start` on that opens with one of `opening`, or None.

    A bracket that turns out to hold nothing, as in prose, is passed over.
    """
    decoder = json.JSONDecoder(strict=False, parse_constant=_refuse)
    brackets = re.compile(f"[{re.escape(opening)}]").finditer(text, start)
    # Prose full of brackets: each try reads to the end of the text at worst, so their number is bounded.
    for match in islice(brackets, 50):
        at = match.start()
        try:
            value, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            reader = _Reader(text)
            reader.at = at
            value, complete = reader.value(0)
            end = reader.at
        else:
            complete = True
        if complete or value:
            return Found(value=value, complete=complete, start=at, end=end)
        if match.group() == opening[-1] and text[end:].strip() == "":
            return Found(value=value, complete=False, start=at, end=end)
    return None


def _joined(pair: re.Match[str]) -> str:
    return pair.group().encode("utf-16", "surrogatepass").decode("utf-16")


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


class _Reader:
    """Recursive descent over `text` from `at`; each method returns (value, complete)."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def value(self, depth: int) -> tuple[Any, bool]:
        self._space()
        character = self._peek()
        if depth > MAX_DEPTH or character == "":
            return _DROPPED, False
        if character == "{":
            return self._object(depth)
        if character in "[(":
            return self._list(depth, "]" if character == "[" else ")")
        if character in "\"'":
            return self._string(character)
        return self._scalar()

    def _object(self, depth: int) -> tuple[dict[str, Any], bool]:
        found: dict[str, Any] = {}
        self.at += 1
        while True:
            self._separators()
            character = self._peek()
            if character == "}":
                self.at += 1
                return found, True
            key, whole = self._string(character) if character and character in "\"'" else self._scalar()
            self._space()
            if not whole or self._peek() != ":":
                return found, False
            self.at += 1
            value, whole = self.value(depth + 1)
            # A container that was cut off keeps its whole items; a string or a number would be wrong.
            if whole or (isinstance(value, dict | list) and value):
                found[str(key)] = value
            if not whole:
                return found, False

    def _list(self, depth: int, closing: str) -> tuple[list[Any], bool]:
        found: list[Any] = []
        self.at += 1
        while True:
            self._separators()
            if self._peek() == closing:
                self.at += 1
                return found, True
            value, whole = self.value(depth + 1)
            if not whole:
                return found, False
            found.append(value)

    def _string(self, quote: str) -> tuple[str, bool]:
        self.at += 1
        parts: list[str] = []
        while match := _CHUNK[quote].match(self.text, self.at):
            parts.append(match.group())
            self.at = match.end()
            character = self._peek()
            if character == "":
                return "", False
            self.at += 1
            if character == quote:
                # A character beyond the BMP is written as two escapes, a surrogate pair.
                return _PAIR.sub(_joined, "".join(parts)), True
            parts.append(self._escape())
        return "", False

    def _escape(self) -> str:
        character = self._peek()
        if character == "u" and re.fullmatch(r"[0-9a-fA-F]{4}", self.text[self.at + 1 : self.at + 5]):
            code = int(self.text[self.at + 1 : self.at + 5], 16)
            self.at += 5
            return chr(code)
        if character in _ESCAPES:
            self.at += 1
            return _ESCAPES[character]
        return "\\"  # LaTeX written without escaping, such as \(x\): the backslash stands for itself.

    def _scalar(self) -> tuple[Any, bool]:
        match = _NUMBER.match(self.text, self.at) or _WORD.match(self.text, self.at)
        if match is None or len(match.group()) > 400:
            return _DROPPED, False
        self.at = match.end()
        following = self._peek()
        if not following or not (following in ",]}):" or following.isspace()):
            return _DROPPED, False  # A number may lack digits there: 51 of 512, 3.4 of 3.4e+38.
        word = match.group()
        if word in _WORDS:
            return _WORDS[word], True
        if word[0].isalpha() or word[0] == "_":
            return word, True
        return (float(word) if re.search(r"[.eE]", word) else int(word)), True

    def _peek(self) -> str:
        return self.text[self.at] if self.at < len(self.text) else ""

    def _space(self) -> None:
        match = _SPACE.match(self.text, self.at)
        self.at = match.end() if match else self.at

    def _separators(self) -> None:
        self._space()
        while self._peek() == ",":
            self.at += 1
            self._space()

"""Reading a file of JSON lines in bounded pieces, from any place in it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

MOST = 50_000
"""Requests in a batch."""


@dataclass(frozen=True, kw_only=True)
class RawLine:
    """One line that is not empty."""

    number: int
    """From 1; empty lines are counted."""
    text: bytes | None
    """Without its line feed; None when it is longer than a request may be."""
    end: int
    """Where the next line begins, in bytes."""


def read(file: IO[bytes], *, offset: int, number: int, longest: int) -> Iterator[RawLine]:
    """The lines from `offset` on, where `number` lines lie before it. One line at a time is in memory."""
    file.seek(offset)
    while piece := file.readline(longest + 1):
        number += 1
        length, whole = len(piece), piece
        too_long = len(piece) > longest
        while too_long and not piece.endswith(b"\n"):
            piece = file.readline(longest + 1)
            if not piece:
                break
            length += len(piece)
        offset += length
        if too_long:
            yield RawLine(number=number, text=None, end=offset)
            continue
        text = whole.strip()
        if number == 1:
            text = text.removeprefix(b"\xef\xbb\xbf")
        if text:
            yield RawLine(number=number, text=text, end=offset)


def count(file: IO[bytes], *, longest: int, most: int = MOST) -> int:
    """The lines that are not empty, counted no further than one beyond `most`."""
    found = 0
    for _ in read(file, offset=0, number=0, longest=longest):
        found += 1
        if found > most:
            break
    return found

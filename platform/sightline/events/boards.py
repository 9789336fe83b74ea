"""Pages that many people watch at once: computed once for all of them, whoever and however many they are."""

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

HEADER = "X-Sightline-Board"
"""How a view asks the ASGI shell to go on sending a board; never sent on."""
SHELL = "sightline.shell"
"""WSGI environ key of every request that comes through the shell. No client can set one."""

Parts = Mapping[str, str]
"""Name of a part of the page: what it shows now, as HTML."""
Draw = Callable[[Collection[str]], Mapping[str, Parts]]
"""The parts for each of the variants: one look at the database, whatever the number of variants."""

_boards: dict[str, Draw] = {}


@dataclass(frozen=True, kw_only=True)
class Watch:
    """What a view lets its client watch."""

    board: str
    variant: str = ""
    """What this person may do there; people with the same see the same."""

    def header(self) -> str:
        return f"{self.board};{self.variant}"

    @classmethod
    def parse(cls, text: str) -> "Watch":
        board, variant = text.split(";", 1)
        return cls(board=board, variant=variant)


def register(name: str, draw: Draw) -> None:
    """Make a board known; a package does so when it is loaded."""
    _boards[name] = draw


def draw(name: str, variants: Collection[str]) -> Mapping[str, Parts]:
    """Look now. Raises KeyError for an unknown board, and whatever a database raises."""
    return _boards[name](variants)


def event(parts: Parts) -> bytes:
    """The parts as a server-sent event."""
    return b"event: parts\ndata: " + json.dumps(dict(parts), ensure_ascii=False).encode() + b"\n\n"

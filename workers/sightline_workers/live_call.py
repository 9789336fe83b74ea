"""What one call to the engine has said so far, and what of it is still to be written for readers."""

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field, replace
from typing import Any

from sightline.events.tool_calls import CallPiece, add

Json = dict[str, Any]


@dataclass
class LiveCall:
    """One call of an attempt to the engine."""

    label: str
    written: str = ""
    waiting: str = ""
    tool_calls: list[Json] = field(default_factory=list)
    """As far as they were written."""
    tool_calls_waiting: dict[int, CallPiece] = field(default_factory=dict)
    """By index: what comes between two writes goes out as one piece."""
    told: list[tuple[str, Json]] = field(default_factory=list)
    """What is to be told once its text is: names of events and their data."""

    @property
    def due(self) -> bool:
        """Is there something to write?"""
        return bool(self.waiting or self.tool_calls_waiting or self.told)

    def call_tool(self, piece: CallPiece) -> None:
        """A piece of a tool call came."""
        waiting = self.tool_calls_waiting.get(piece.index)
        self.tool_calls_waiting[piece.index] = piece if waiting is None else _joined(waiting, piece)

    def take(self) -> Iterator[Json]:
        """What is to be written now, in its order: fields of `Piece`."""
        if self.waiting:
            text, self.waiting = self.waiting, ""
            self.written += text
            yield {"label": self.label, "text": text}
        # An engine begins a tool call once the text and the calls before it are complete.
        waiting, self.tool_calls_waiting = self.tool_calls_waiting, {}
        for _, piece in sorted(waiting.items()):
            add(self.tool_calls, piece)
            yield {"label": self.label, "tool_call": piece}

    def calls_so_far(self) -> list[Json]:
        """What was written of its tool calls, to keep."""
        return deepcopy(self.tool_calls)


def _joined(before: CallPiece, after: CallPiece) -> CallPiece:
    return replace(before, name=before.name + after.name, arguments=before.arguments + after.arguments)

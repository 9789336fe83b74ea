"""Tool calls that grow while they are written: OpenAI's `delta.tool_calls[i]` and what the pieces come to."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

Json = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class CallPiece:
    """A piece of one call."""

    index: int
    """Which call of the answer it belongs to, from 0; a call begins when the one before it is complete."""
    id: str = ""
    """The call's id, in its first piece."""
    name: str = ""
    """The function, in its first piece."""
    arguments: str = ""
    """What it adds to the arguments, which are JSON once they are whole."""

    @classmethod
    def parse(cls, piece: Mapping[str, Any]) -> Self:
        """From OpenAI's form."""
        function = piece.get("function") or {}
        return cls(
            index=int(piece.get("index") or 0),
            id=piece.get("id") or "",
            name=function.get("name") or "",
            arguments=function.get("arguments") or "",
        )

    def shown(self) -> Json:
        """In OpenAI's form."""
        if self.id:
            function = {"name": self.name, "arguments": self.arguments}
            return {"index": self.index, "id": self.id, "type": "function", "function": function}
        return {"index": self.index, "function": {"arguments": self.arguments}}


@dataclass(kw_only=True)
class CallSent:
    """What a client was told of one call."""

    id: str
    name: str
    arguments: str = ""

    @classmethod
    def begun(cls, call: Json) -> Self:
        """One whose head was told."""
        return cls(id=call["id"], name=call["function"]["name"])

    def is_of(self, call: Json) -> bool:
        """Is it the beginning of this call, or this call the beginning of it?"""
        function = call["function"]
        head = (call["id"], function["name"])
        shorter, longer = sorted((self.arguments, function["arguments"]), key=len)
        return head == (self.id, self.name) and longer.startswith(shorter)


def add(calls: list[Json], piece: CallPiece) -> None:
    """Put a piece to the calls so far, which have the form of a message's `tool_calls`."""
    while piece.index >= len(calls):
        calls.append({"id": "", "type": "function", "function": {"name": "", "arguments": ""}})
    call = calls[piece.index]
    call["id"] = call["id"] or piece.id
    call["function"]["name"] += piece.name
    call["function"]["arguments"] += piece.arguments


def take_back(calls: list[Json], piece: CallPiece) -> None:
    """The calls as they were before their last piece."""
    if piece.id:
        del calls[piece.index :]
    else:
        function = calls[piece.index]["function"]
        function["arguments"] = function["arguments"].removesuffix(piece.arguments)

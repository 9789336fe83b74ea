"""What a history is made of, by kind: how a job goes on from it, and what the job adds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

Json = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Weight:
    """What entries take of a prompt."""

    tokens: int
    """Estimated, on the safe side."""
    images: int

    def __add__(self, other: Weight) -> Weight:
        return Weight(tokens=self.tokens + other.tokens, images=self.images + other.images)


@dataclass(frozen=True, kw_only=True)
class Continued:
    """The input of a job that goes on from a history."""

    input: Json
    """As a request would have it."""
    inherited: int
    """How many of its entries (messages, sentences of the history) are not its own."""


class Form(Protocol):
    """A history of one kind. Entries are as they are stored: media bound."""

    most: int
    """Entries that a job may inherit."""

    def weigh(self, entries: Sequence[Json]) -> Weight:
        """What stored entries take of a prompt."""
        ...

    def weigh_sent(self, input: Mapping[str, Any]) -> Weight:
        """What a request's own input takes; an image whose size nobody knows yet counts as a large one."""
        ...

    def opens(self, entries: Sequence[Json]) -> bool:
        """May a history begin with these entries?"""
        ...

    def continued(
        self,
        history: Sequence[Json],
        *,
        system: str,
        input: Mapping[str, Any],
        uploads: Mapping[str, str],
    ) -> Continued:
        """A request's input with the history before it; `uploads` has the id of each image by its digest."""
        ...

    def added(self, *, input: Mapping[str, Any], inherited: int, output: Mapping[str, Any]) -> list[Json]:
        """What a job that ended with this output adds: its own part of its bound input, and the answer."""
        ...

    def done(self, output: Mapping[str, Any]) -> str:
        """success or failure where the output ends the whole run; else empty."""
        ...


UNSEEN = Weight(tokens=2048, images=1)
"""An image that is still to be fetched or decoded: about two megapixels."""

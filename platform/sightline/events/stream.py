"""What happens to one job, as numbered events that can be resumed: its transitions, and the text in between.

Transitions come from the database and never change, so the k-th one has the number k × `SPAN`, and the n-th piece
of text after it k × `SPAN` + n. A number means the same to every process, before and after a restart, and without
Redis.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

from sightline.events.live import Piece

SPAN = 10_000_000
"""Numbers between two transitions: 25 pieces a second for four days."""
_LAST = SPAN - 1

Json = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Event:
    """One event as readers see it."""

    number: int
    type: str
    data: Json


@dataclass(frozen=True, kw_only=True)
class Transition:
    """One row of the job's history."""

    ordinal: int
    """Its place in the history, from 1."""
    type: str
    """`job.queued`, `job.started`, …; empty for one that readers are not told."""
    data: Json
    fence: int | None = None
    """The fence under which text is written from here on; None: none is."""
    resets: bool = False
    """What was streamed before is void."""
    terminal: bool = False
    output: Json | None = None
    """The result, at the end of a job that has one."""


@dataclass(frozen=True, kw_only=True)
class History:
    """The transitions from an ordinal on, that one included."""

    transitions: tuple[Transition, ...]
    exists: bool = True
    """False: the job was erased or deleted meanwhile."""


class Pieces(Protocol):
    """Where live text is read."""

    async def want(self, job_id: UUID) -> None: ...

    async def after(self, job_id: UUID, fence: int, number: int) -> list[Piece]: ...


Look = Callable[[UUID, int], Awaitable[History]]
"""The history of a job from an ordinal on (0: from the beginning of its current life)."""


class JobStream:
    """One reader's view of one job, from the event after `after` on."""

    def __init__(self, *, job_id: UUID, after: int, look: Look, pieces: Pieces) -> None:
        self.ended = False
        self.ordinal, self._number = divmod(after, SPAN)
        self._job_id = job_id
        self._look = look
        self._pieces = pieces
        self._fence: int | None = None
        self._complete = self._number == _LAST
        self._resumes = after > 0

    async def catch_up(self, *, look: bool) -> list[Event]:
        """What is new. `look` asks the database too: pieces of text alone do not need it."""
        events: list[Event] = []
        if look:
            history = await self._look(self._job_id, self.ordinal)
            if not history.exists:
                self.ended = True
                return events
            for transition in history.transitions:
                events += await self._pass(transition)
        if not self.ended:
            events += await self._text()
        return events

    async def want(self) -> None:
        """Say that somebody still reads."""
        if not self.ended:
            await self._pieces.want(self._job_id)

    async def _pass(self, transition: Transition) -> list[Event]:
        number = transition.ordinal * SPAN
        if transition.ordinal <= self.ordinal:
            if self._resumes and transition.ordinal == self.ordinal:
                return self._resume(transition, number)
            return []
        events: list[Event] = []
        if transition.output is not None:
            events += await self._text()
            if self._number and not self._complete:
                # Text was lost with Redis: the database has all of it.
                reset = {"reason": "gap", "texts": None, "output": transition.output}
                events.append(Event(number=self.ordinal * SPAN + _LAST, type="output.reset", data=reset))
        self._resumes = False
        self.ordinal, self._number, self._complete = transition.ordinal, 0, False
        self._fence, self.ended = transition.fence, transition.terminal
        if transition.type:
            events.append(Event(number=number, type=transition.type, data=transition.data))
        if transition.resets:
            self._number = 1
            events.append(self._void(number))
        return events

    def _resume(self, transition: Transition, number: int) -> list[Event]:
        """The transition was told before; what belongs to it may not have been."""
        self._resumes = False
        self._fence, self.ended = transition.fence, transition.terminal
        if transition.resets and self._number == 0:
            self._number = 1
            return [self._void(number)]
        return []

    def _void(self, number: int) -> Event:
        data: Json = {"reason": "attempt_failed", "texts": [], "output": None}
        return Event(number=number + 1, type="output.reset", data=data)

    async def _text(self) -> list[Event]:
        if self._fence is None or self._complete:
            return []
        return [
            event
            for piece in await self._pieces.after(self._job_id, self._fence, self._number)
            for event in self._take(piece)
        ]

    def _take(self, piece: Piece) -> list[Event]:
        data: Json
        follows = piece.number == self._number + 1
        if not follows and piece.so_far is None:
            return []  # a piece from the middle of what was lost: the next whole text, or the end, heals it
        self._number = piece.number
        number = self.ordinal * SPAN + piece.number
        if piece.end:
            self._complete = True
            return []
        if follows:
            if not piece.text:
                return []
            data = {"index": piece.call, "label": piece.label, "text": piece.text}
            return [Event(number=number, type="output.delta", data=data)]
        data = {"reason": "gap", "texts": list(piece.so_far or ()), "output": None}
        return [Event(number=number, type="output.reset", data=data)]

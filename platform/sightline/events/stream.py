"""What happens to one job, as numbered events that can be resumed: its transitions, and the text in between.

Transitions come from the database and never change, so the k-th one has the number k × `SPAN`, and the n-th piece
of text after it k × `SPAN` + n. A number means the same to every process, before and after a restart, and without
Redis.

A job that follows another one is told what that one's attempt says: a transition names the *speaker*. Where an
attempt goes on under another transition (it was taken over), its pieces are counted on, and so is that transition.
"""

from collections.abc import Awaitable, Callable, Sequence
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
    speaker: UUID | None = None
    """The job whose attempt writes it; None: this one's."""
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

    async def rest(self, job_id: UUID, fence: int, number: int) -> list[Piece]:
        """`after` for an attempt that is over: waits a moment for its last piece, if the stream is there at all."""
        ...


Look = Callable[[UUID, int], Awaitable[History]]
"""The history of a job from an ordinal on (0: from the beginning of its current life)."""


class JobStream:
    """One reader's view of one job, from the event after `after` on."""

    def __init__(self, *, job_id: UUID, after: int, look: Look, pieces: Pieces) -> None:
        self.ended = False
        self.ordinal, self._number = divmod(after, SPAN)
        self._job_id = job_id
        self.speaker = job_id
        """The job whose attempt is listened to: the reader is to be woken when that one says something."""
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
            for job_id in {self._job_id, self.speaker}:
                await self._pieces.want(job_id)

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
                events += await self._text(rest=True)
            if self._number and not self._complete:
                # Text was lost with Redis: the database has all of it.
                events.append(_reset(self.ordinal * SPAN + _LAST, reason="gap", output=transition.output))
        self._resumes = False
        self.ordinal = transition.ordinal
        if not self._goes_on(transition):
            self._number, self._complete = 0, False
        self._listen(transition)
        if transition.type:
            events.append(Event(number=number + self._number, type=transition.type, data=transition.data))
        if transition.resets:
            events.append(self._void(transition, number))
        return events

    def _goes_on(self, transition: Transition) -> bool:
        """Is the attempt the one that was listened to before?"""
        if transition.fence is None or self._fence is None:
            return False
        heard = (transition.speaker or self._job_id, transition.fence)
        return heard == (self.speaker, self._fence)

    def _listen(self, transition: Transition) -> None:
        self.speaker = transition.speaker or self._job_id
        self._fence, self.ended = transition.fence, transition.terminal

    def _resume(self, transition: Transition, number: int) -> list[Event]:
        """The transition was told before; what belongs to it may not have been."""
        self._resumes = False
        self._listen(transition)
        if transition.resets and transition.type and self._number == 0:
            return [self._void(transition, number)]
        return []

    def _void(self, transition: Transition, number: int) -> Event:
        """What was said is void. A transition that readers are not told has its number free for it."""
        if transition.type:
            self._number = 1
        return _reset(number + self._number, reason="attempt_failed", so_far=())

    async def _text(self, *, rest: bool = False) -> list[Event]:
        if self._fence is None or self._complete:
            return []
        read = self._pieces.rest if rest else self._pieces.after
        pieces = await read(self.speaker, self._fence, self._number)
        return [event for piece in pieces for event in self._take(piece)]

    def _take(self, piece: Piece) -> list[Event]:
        follows = piece.number == self._number + 1
        if not follows and piece.so_far is None:
            return []  # a piece from the middle of what was lost: the next whole text, or the end, heals it
        self._number = piece.number
        number = self.ordinal * SPAN + piece.number
        if piece.end:
            self._complete = True
            return []
        if follows:
            if piece.event:
                return [Event(number=number, type=piece.event, data=piece.data or {})]
            if not piece.text and piece.tool_call is None:
                return []
            data: Json = {"index": piece.call, "label": piece.label, "text": piece.text}
            if piece.tool_call is not None:
                data["tool_calls"] = [piece.tool_call.shown()]
            return [Event(number=number, type="output.delta", data=data)]
        so_far = piece.so_far or ()
        return [
            _reset(number, reason="gap", so_far=so_far, items=piece.items, tool_calls=piece.tool_calls),
        ]


def _reset(
    number: int,
    *,
    reason: str,
    so_far: Sequence[str] | None = None,
    items: Sequence[Json] = (),
    tool_calls: Sequence[Json] = (),
    output: Json | None = None,
) -> Event:
    """What was streamed is void; what stands instead, as it was written so far or as the whole `output`."""
    written: Json = {"texts": None, "items": None, "tool_calls": None}
    if so_far is not None:
        written = {"texts": list(so_far), "items": list(items), "tool_calls": list(tool_calls)}
    return Event(number=number, type="output.reset", data={"reason": reason, **written, "output": output})

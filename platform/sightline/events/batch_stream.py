"""What happens to one batch, as numbered events that can be resumed: each is the batch as it then was.

A reader who was away needs only the newest; so it is read from the row, and nothing is kept for readers.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from uuid import UUID

from sightline.events.stream import Event


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """A batch now."""

    event: Event | None
    """None: it is no more."""
    ended: bool = False
    """It will not change."""


Look = Callable[[UUID], Awaitable[Snapshot | None]]
"""The batch now; None while the database is away."""


class BatchStream:
    """One reader's view of one batch, from the event after `after` on. `Followed`."""

    def __init__(self, *, batch_id: UUID, after: int, look: Look) -> None:
        self.ended = False
        self.ordinal = after
        self.speaker = batch_id
        self._look = look

    async def catch_up(self, *, look: bool) -> list[Event]:
        """The batch, if it has moved on."""
        snapshot = await self._look(self.speaker) if look else None
        if snapshot is None:
            return []
        self.ended = snapshot.ended
        event = snapshot.event
        if event is None or event.number <= self.ordinal:
            return []
        self.ordinal = event.number
        return [event]

    async def want(self) -> None:
        """Nothing to ask for: the sweeper notices what ends in any case."""

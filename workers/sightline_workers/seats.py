"""The seats of a worker process: how many of its threads may work, a number that changes while they do."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from sightline_workers.membership import membership


class Seats:
    """A gate for the threads of a pool that is larger than the seats that they may take.

    Celery's prefetch count keeps surplus wake-ups in the broker, where other groups find them; after a lost
    connection it forgets those that still run. This gate is what holds.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._taken = 0
        self._closed = False
        self._changed = threading.Condition()

    @property
    def count(self) -> int:
        return self._count

    @property
    def taken(self) -> int:
        return self._taken

    def resize(self, count: int) -> None:
        """From now on so many. Who sits stays; with fewer seats nobody new sits down until enough have left."""
        with self._changed:
            self._count = count
            self._changed.notify_all()

    def close(self) -> None:
        """Nobody new sits down; those who wait are sent away."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    @contextmanager
    def one(self) -> Iterator[bool]:
        """Hold a seat while the block runs, after waiting for a free one; False: there will be none any more."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._taken < self._count)
            seated = not self._closed
            self._taken += seated
        try:
            yield seated
        finally:
            with self._changed:
                self._taken -= seated
                self._changed.notify()


@cache
def seats() -> Seats:
    """This process's; `IntakeStep` changes their number as the group's row says."""
    member = membership()
    return Seats(member.seats if member else 1)

"""One holder at a time among the processes of this machine; the kernel frees it however the holder ends."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Held(Exception):
    """Somebody else holds the lock; `pid` says who, as far as it is known."""

    def __init__(self, pid: str) -> None:
        super().__init__(f"held by process {pid or 'unknown'}")
        self.pid = pid


@contextmanager
def file_lock(file: Path, *, wait: bool) -> Iterator[None]:
    """Hold the lock inside; `Held` at once when it is taken and `wait` is false."""
    # Opened for appending: whoever only tries must not empty what the holder wrote.
    with file.open("a+") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError as error:
            raise Held(file.read_text().strip()) from error
        handle.truncate(0)
        handle.write(str(os.getpid()))
        handle.flush()
        yield

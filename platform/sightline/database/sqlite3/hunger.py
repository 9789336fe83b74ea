"""Who has waited for long for SQLite's write lock, told to other processes by the lock of a file beside the database.

A flock, because the kernel drops it with the process: a killed one is hungry no more.
"""

import fcntl
import os
import time

_STEP_ASIDE_S = 0.003
"""Longer than the hungry one's longest sleep between two looks at SQLite's lock."""


class Hunger:
    """One per process and database; used by one thread at a time, the one whose turn it is."""

    def __init__(self, path: str | None) -> None:
        """None: nobody shares the database."""
        self._file = None if path is None else os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._said = False

    def __del__(self) -> None:
        if self._file is not None:
            os.close(self._file)

    def say(self) -> None:
        """Be hungry, beside others who are; said once more when somebody looked just then."""
        if self._file is not None and not self._said:
            self._said = _locked(self._file, fcntl.LOCK_SH)

    def unsay(self) -> None:
        """Be hungry no more."""
        if self._file is not None and self._said:
            fcntl.flock(self._file, fcntl.LOCK_UN)
            self._said = False

    def let_go_first(self) -> None:
        """Leave SQLite's lock alone for a moment when anybody else is hungry."""
        if self.anybody_else():
            time.sleep(_STEP_ASIDE_S)

    def anybody_else(self) -> bool:
        """Has another process waited for long?"""
        if self._file is None or not _locked(self._file, fcntl.LOCK_EX):
            return self._file is not None
        fcntl.flock(self._file, fcntl.LOCK_UN)
        return False


def _locked(file: int, operation: int) -> bool:
    try:
        fcntl.flock(file, operation | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True

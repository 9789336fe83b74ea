"""SQLite for many threads: those of one process queue for the write lock instead of polling for it.

SQLite has one writer at a time, and a connection that finds the lock taken sleeps and tries again, up to 100 ms at
a time. With eight threads that write, the lock lies idle while they sleep, and an unlucky one sleeps until its
time-out (0.3 % of submits did, with 16 clients on a slow disk). Between processes there is no queue: each sends
one thread, and that one looks every few milliseconds. A process whose threads write all the time leaves the lock free
for microseconds only, and others could look past those for half a second. So who has waited for long says so
(`hunger`), and everybody else lets it go first.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections import defaultdict
from typing import Any

from django.db.backends.sqlite3 import base
from django.db.utils import OperationalError

from sightline.database.sqlite3.hunger import Hunger

_PATIENCE_S = 0.003
"""SQLite's own wait sleeps 1, 2, 5, 10 … 100 ms: this much of it is its first two looks, then it starts anew."""
_HUNGRY_AFTER_S = 0.02

_turns: dict[str, threading.Lock] = defaultdict(threading.Lock)
_hunger: dict[str, Hunger] = {}


def _forget() -> None:
    """A forked child has one thread, no lock that it inherited would ever be released, and flocks are shared."""
    _turns.clear()
    _hunger.clear()


os.register_at_fork(after_in_child=_forget)


class DatabaseWrapper(base.DatabaseWrapper):
    """Takes the process's turn before BEGIN IMMEDIATE, and gives it back when the transaction is over."""

    _turn: threading.Lock | None = None

    def _start_transaction_under_autocommit(self) -> None:
        turn = _turns[str(self.settings_dict["NAME"])]
        patience_s = float(self.settings_dict["OPTIONS"].get("timeout", 5))
        until = time.monotonic() + patience_s
        if not turn.acquire(timeout=patience_s):
            raise OperationalError("database is locked: other threads of this process write for too long")
        self._turn = turn
        try:
            self._begin(until, patience_s)
        except BaseException:
            self._give_back()
            raise

    def _begin(self, until: float, patience_s: float) -> None:
        """BEGIN IMMEDIATE, again and again until a moment while other processes write."""
        hunger = self._hunger()
        hunger.let_go_first()
        began = time.monotonic()
        self._wait_inside_sqlite(_PATIENCE_S)
        try:
            while True:
                try:
                    super()._start_transaction_under_autocommit()  # type: ignore[misc]
                    return
                except OperationalError as error:
                    now = time.monotonic()
                    if not _is_busy(error) or now > until:
                        raise
                    if now - began > _HUNGRY_AFTER_S:
                        hunger.say()
        finally:
            hunger.unsay()
            self._wait_inside_sqlite(patience_s)

    def _hunger(self) -> Hunger:
        name = str(self.settings_dict["NAME"])
        if name not in _hunger:
            _hunger[name] = Hunger(None if self.is_in_memory_db() else f"{name}-hungry")
        return _hunger[name]

    def _wait_inside_sqlite(self, seconds: float) -> None:
        """How long SQLite itself waits for a lock; statements outside a transaction rely on it."""
        self.connection.execute(f"PRAGMA busy_timeout = {round(seconds * 1000)}").close()

    def _commit(self) -> Any:
        try:
            return super()._commit()  # type: ignore[misc]
        finally:
            self._give_back()

    def _rollback(self) -> Any:
        try:
            return super()._rollback()  # type: ignore[misc]
        finally:
            self._give_back()

    def _close(self) -> Any:
        try:
            return super()._close()  # type: ignore[misc]
        finally:
            self._give_back()

    def _give_back(self) -> None:
        turn, self._turn = self._turn, None
        if turn is not None:
            turn.release()


def _is_busy(error: OperationalError) -> bool:
    code = getattr(error.__cause__, "sqlite_errorcode", 0)
    return code & 0xFF == sqlite3.SQLITE_BUSY

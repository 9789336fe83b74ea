"""The supervisor's end of the budget: grants tokens in the order of kinds, then of arrival.

One thread serves all sockets: one for each reservation was most of what the supervisor cost while jobs ran.
"""

import contextlib
import json
import selectors
import socket
import threading
from dataclasses import dataclass
from pathlib import Path

_ASK_BYTES = 1024


@dataclass(frozen=True, kw_only=True, order=True)
class _Ask:
    """A reservation that waits for its turn; the lowest is the next one."""

    order: int
    arrival: int
    tokens: int


class Ledger:
    """Grants tokens at a unix socket: one connection is one reservation, and its end gives the tokens back."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._capacity: int | None = None
        self._held: dict[socket.socket, int] = {}
        self._waiting: dict[_Ask, socket.socket] = {}
        self._arrivals = 0
        self._closed = False
        path.unlink(missing_ok=True)
        self._server = socket.socket(socket.AF_UNIX)
        self._server.bind(str(path))
        self._server.listen(512)
        self._server.setblocking(False)
        # Whoever changes the capacity wakes the thread by a byte here.
        self._bell, self._ringer = socket.socketpair()
        self._bell.setblocking(False)
        self._sockets = selectors.DefaultSelector()
        for sock in (self._server, self._bell):
            self._sockets.register(sock, selectors.EVENT_READ, data=sock)
        self._thread = threading.Thread(target=self._run, name="ledger", daemon=True)
        self._thread.start()

    def open(self, capacity: int | None) -> None:
        """Set the engine's KV capacity in tokens; None grants everything."""
        self._capacity = capacity
        self._ringer.send(b"!")

    @property
    def held(self) -> int:
        """Tokens granted right now."""
        return sum(list(self._held.values()))

    def close(self) -> None:
        """Take no more reservations; those who wait are let go."""
        self._closed = True
        self._ringer.send(b"!")
        self._thread.join()
        self.path.unlink(missing_ok=True)

    def _run(self) -> None:
        while not self._closed:
            for key, _ in self._sockets.select():
                if key.data is self._server:
                    self._accept()
                elif key.data is self._bell:
                    self._bell.recv(_ASK_BYTES)
                else:
                    self._hear(key.data)
            self._grant()
        for key in list(self._sockets.get_map().values()):
            key.data.close()
        self._sockets.close()
        self._ringer.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # it hung up before it was its turn
            link, _ = self._server.accept()
            link.setblocking(False)
            self._sockets.register(link, selectors.EVENT_READ, data=link)

    def _hear(self, link: socket.socket) -> None:
        """A reservation is asked for, in one line, or given up."""
        try:
            asked = json.loads(link.recv(_ASK_BYTES))
            tokens, order = int(asked["tokens"]), int(asked["order"])
        except (OSError, ValueError, KeyError, TypeError):  # nothing to read: the other end closed
            self._forget(link)
            return
        self._arrivals += 1
        self._waiting[_Ask(order=order, arrival=self._arrivals, tokens=tokens)] = link

    def _forget(self, link: socket.socket) -> None:
        self._held.pop(link, None)
        for ask in [ask for ask, asker in self._waiting.items() if asker is link]:
            del self._waiting[ask]
        self._sockets.unregister(link)
        link.close()

    def _grant(self) -> None:
        while self._waiting:
            ask = min(self._waiting)
            if not self._fits(ask.tokens):
                return
            link = self._waiting.pop(ask)
            self._held[link] = ask.tokens
            try:
                link.send(b"+")
            except OSError:
                self._forget(link)

    def _fits(self, tokens: int) -> bool:
        # A request larger than the whole cache runs alone rather than never; the engine judges it.
        return self._capacity is None or not self._held or self.held + tokens <= self._capacity

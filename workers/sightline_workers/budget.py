"""Tokens in flight stay within the engine's KV cache, so that nothing is preempted for want of blocks.

The group's supervisor grants them over a unix socket: one connection is one reservation, and closing it gives the
tokens back, so that a worker that is killed gives back what it held the moment the kernel closes its sockets.
"""

import contextlib
import json
import socket
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from sightline.kinds import tokens
from sightline.kinds.contract import Call, Image
from sightline_workers.engines.contract import Abort

_USUAL_ANSWER = 2048  # where the call sets no limit: few answers are longer
_ORDER = {"gui": 0, "chat": 1, "ocr": 2}


def estimate(call: Call, images: Sequence[Image]) -> int:
    """Tokens that a call may hold at its end: its text, its images, and the answer it is allowed."""
    parts = [part for message in call.messages for part in _parts(message.get("content"))]
    named = [images[part["index"]] for part in parts if part.get("type") == "image"]
    characters: int = sum(len(part.get("text") or "") for part in parts)
    pixels: int = sum(image.width * image.height for image in named)
    answer = int(call.sampling.get("max_tokens") or _USUAL_ANSWER)
    return tokens.of_text(characters) + tokens.of_pixels(pixels) + answer


def _parts(content: Any) -> list[dict[str, Any]]:
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    return list(content or ())


class Budget:
    """The worker's end."""

    def __init__(self, path: str) -> None:
        self._path = path

    @contextlib.contextmanager
    def reserve(self, tokens: int, *, kind: str, abort: Abort) -> Iterator[None]:
        """Hold so many tokens while the block runs; waits for its turn. Raises what `abort` asks for.

        A supervisor that is away grants everything: its group is about to be closed anyway.
        """
        link = socket.socket(socket.AF_UNIX)
        interrupt = lambda: _shut(link)  # noqa: E731
        abort.attach(interrupt)
        try:
            try:
                link.connect(self._path)
                link.sendall(json.dumps({"tokens": tokens, "order": _ORDER.get(kind, 2)}).encode() + b"\n")
                link.recv(1)
            except OSError:
                pass
            abort.check()
            yield
        finally:
            abort.detach(interrupt)
            link.close()


def _shut(link: socket.socket) -> None:
    with contextlib.suppress(OSError):  # it may not be connected yet, or no longer
        link.shutdown(socket.SHUT_RDWR)


class Ledger:
    """The supervisor's end: grants tokens in the order of kinds, then of arrival."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._condition = threading.Condition()
        self._capacity: int | None = None
        self._held = 0
        self._waiting: list[tuple[int, int]] = []
        self._arrivals = 0
        path.unlink(missing_ok=True)
        self._server = socket.socket(socket.AF_UNIX)
        self._server.bind(str(path))
        self._server.listen(512)
        threading.Thread(target=self._accept, name="ledger", daemon=True).start()

    def open(self, capacity: int | None) -> None:
        """Set the engine's KV capacity in tokens; None grants everything."""
        with self._condition:
            self._capacity = capacity
            self._condition.notify_all()

    @property
    def held(self) -> int:
        """Tokens granted right now."""
        return self._held

    def close(self) -> None:
        self._server.close()
        self.path.unlink(missing_ok=True)

    def _accept(self) -> None:
        while True:
            try:
                link, _ = self._server.accept()
            except OSError:
                return  # closed
            threading.Thread(target=self._serve, args=[link], daemon=True).start()

    def _serve(self, link: socket.socket) -> None:
        with link, contextlib.suppress(OSError, ValueError):
            asked = json.loads(link.makefile("rb").readline())
            tokens, order = int(asked["tokens"]), int(asked["order"])
            if not self._grant(link, tokens, order):
                return
            try:
                link.sendall(b"+")
                link.recv(1)  # until the other end closes
            finally:
                with self._condition:
                    self._held -= tokens
                    self._condition.notify_all()

    def _grant(self, link: socket.socket, tokens: int, order: int) -> bool:
        with self._condition:
            self._arrivals += 1
            place = (order, self._arrivals)
            self._waiting.append(place)
            try:
                while not self._fits(place, tokens):
                    self._condition.wait(1.0)
                    if _gone(link):
                        return False
                self._held += tokens
            finally:
                self._waiting.remove(place)
                self._condition.notify_all()
        return True

    def _fits(self, place: tuple[int, int], tokens: int) -> bool:
        if self._capacity is None:
            return True
        # A request larger than the whole cache runs alone rather than never; the engine judges it.
        return place == min(self._waiting) and (self._held == 0 or self._held + tokens <= self._capacity)


def _gone(link: socket.socket) -> bool:
    """Did the other end hang up while it waited?"""
    try:
        return link.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True

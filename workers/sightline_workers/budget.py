"""Tokens in flight stay within the engine's KV cache, so that nothing is preempted for want of blocks.

The group's supervisor grants them over a unix socket (`ledger.py`): one connection is one reservation, and closing it
gives the tokens back, so that a worker that is killed gives back what it held the moment the kernel closes its sockets.
"""

import contextlib
import json
import socket
from collections.abc import Iterator, Sequence
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
    """The worker's end of the ledger."""

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

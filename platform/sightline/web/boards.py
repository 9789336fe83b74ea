"""Sending boards: a look every few seconds while anybody watches, one for all watchers of this process."""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field

from sightline.events import boards
from sightline.events.boards import Parts, Watch
from sightline.web import sse
from sightline.web.body import Receive
from sightline.web.sse import Send

log = logging.getLogger("sightline.web")

EVERY_S = 2.0
"""From the end of one look to the next."""
REST = 4.0
"""And at least so many times what a look took: watchers never cost more than a fifth of a thread."""
LIFE_S = 60.0
"""A stream ends after so long. The browser comes back by itself, and is asked anew who it is and what it may see."""
_RETRY = b"retry: 1000\n\n"
_AWAY = b"event: away\ndata: {}\n\n"

Look = Callable[[str, Collection[str]], Awaitable[Mapping[str, Parts]]]


@dataclass
class _Board:
    """One board, while it is watched."""

    watchers: Counter[str] = field(default_factory=Counter)
    """By variant."""
    parts: Mapping[str, Parts] = field(default_factory=dict)
    """By variant, of the last look; empty while the database is away."""
    looked: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    """Done at the next look."""
    hurry: asyncio.Event = field(default_factory=asyncio.Event)
    """Somebody came who has seen nothing yet."""
    task: asyncio.Task[None] | None = None

    def turn(self) -> None:
        """Wake those who wait for the next look."""
        done, self.looked = self.looked, asyncio.get_running_loop().create_future()
        if not done.done():
            done.set_result(None)


class Boards:
    """All boards of a process."""

    def __init__(self, *, look: Look) -> None:
        self._look = look
        self._boards: dict[str, _Board] = {}
        self._closing = False

    def __len__(self) -> int:
        return sum(board.watchers.total() for board in self._boards.values())

    async def serve(self, watch: Watch, receive: Receive, send: Send) -> None:
        """Send what changes until the client goes, its time is up or the server stops."""
        gone = asyncio.ensure_future(sse.until_gone(receive))
        ends = asyncio.get_running_loop().time() + LIFE_S
        seen: dict[str, str] = {}
        board = self._enter(watch)
        try:
            await sse.start(send)
            await send({"type": "http.response.body", "body": _RETRY, "more_body": True})
            away = False
            while not self._closing and not gone.done():
                left = ends - asyncio.get_running_loop().time()
                if left <= 0:
                    break
                looked = board.looked
                waited = min(left, sse.HEARTBEAT_S)
                await asyncio.wait([looked, gone], timeout=waited, return_when=asyncio.FIRST_COMPLETED)
                if not looked.done():
                    data = sse.COMMENT
                elif watch.variant in board.parts:
                    changed = {k: v for k, v in board.parts[watch.variant].items() if seen.get(k) != v}
                    seen.update(changed)
                    data, away = boards.event(changed) if changed else b"", False
                elif not board.parts:
                    data, away = b"" if away else _AWAY, True
                else:
                    data = b""  # this variant is in the next look
                if data:
                    await send({"type": "http.response.body", "body": data, "more_body": True})
            if not gone.done():
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            gone.cancel()
            self._leave(watch)

    def let_go(self) -> None:
        """End all streams: the server stops."""
        self._closing = True
        for board in self._boards.values():
            board.turn()

    def _enter(self, watch: Watch) -> _Board:
        board = self._boards.setdefault(watch.board, _Board())
        board.watchers[watch.variant] += 1
        board.hurry.set()
        if board.task is None:
            board.task = asyncio.create_task(self._watch(watch.board, board))
        return board

    def _leave(self, watch: Watch) -> None:
        board = self._boards[watch.board]
        board.watchers[watch.variant] -= 1
        board.watchers += Counter()  # drops the zeros
        if not board.watchers:
            del self._boards[watch.board]
            if board.task is not None:
                board.task.cancel()

    async def _watch(self, name: str, board: _Board) -> None:
        clock = asyncio.get_running_loop().time
        while not self._closing:
            board.hurry.clear()
            began = clock()
            try:
                board.parts = await self._look(name, set(board.watchers))
            except Exception as error:  # whatever a database raises: the next look may see more
                log.warning("event=board_unread board=%s reason=%r", name, str(error))
                board.parts = {}
            board.turn()
            rest = REST * (clock() - began)
            await asyncio.sleep(rest)
            try:
                await asyncio.wait_for(board.hurry.wait(), max(0.0, EVERY_S - rest))
            except TimeoutError:
                continue

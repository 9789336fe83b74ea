"""Server-sent events over ASGI: one coroutine and no thread for each stream, whatever it carries."""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from enum import StrEnum
from typing import Any, Protocol
from uuid import UUID

from sightline.events.stream import Event
from sightline.events.waiting import Waiter, Waiters
from sightline.web.body import Receive

log = logging.getLogger("sightline.web")

Send = Callable[[dict[str, Any]], Awaitable[None]]

HEARTBEAT_S = 15.0
"""Longest silence: proxies and clients take a longer one for a dead connection."""
COMMENT = b": heartbeat\n\n"


class Outcome(StrEnum):
    """How a stream came to its end."""

    ENDED = "ended"  # everything was sent
    GONE = "gone"  # the client hung up
    CUT = "cut"  # the server stops
    UNSENT = "unsent"  # the server stops, or there is nothing to stream, and not even the head was sent


class Followed(Protocol):
    """What a stream tells of: a job, or a batch."""

    ended: bool
    """Its last event was read."""
    ordinal: int
    """How much of it was read, for looks at the database."""
    speaker: UUID
    """Whose notices bring news of it."""

    async def catch_up(self, *, look: bool) -> list[Event]:
        """What is new; with `look` by the database too."""
        ...

    async def want(self) -> None:
        """Say that somebody still reads."""
        ...


class Form(Protocol):
    """How a surface shows events."""

    done: bool
    """Nothing more will be shown, whatever happens."""
    refused: bool
    """So it came to be before anything was sent: the client gets a plain answer instead."""

    async def begin(self, send: Send, events: Sequence[Event], *, at_once: bool = False) -> bytes | None:
        """Send the head as soon as the events allow it, or `at_once`; the first bytes of the body.

        None: not yet.
        """
        ...

    def show(self, events: Sequence[Event]) -> bytes:
        """The events as they go over the wire; empty for what this surface does not show."""
        ...

    def cut(self) -> bytes:
        """What is said last when the server stops before the job ended."""
        ...


class ServerSentEvents:
    """The native form: `id`, `event` and JSON `data` (WHATWG HTML, Server-sent events)."""

    done = False
    refused = False

    async def begin(self, send: Send, events: Sequence[Event], *, at_once: bool = False) -> bytes | None:
        await start(send)
        return b"retry: 1000\n\n" + self.show(events)

    def show(self, events: Sequence[Event]) -> bytes:
        return b"".join(
            f"id: {event.number}\nevent: {event.type}\ndata: {compact(event.data)}\n\n".encode(
                "utf-8", "replace"
            )
            for event in events
        )

    def cut(self) -> bytes:
        return b""  # the client resumes the stream elsewhere, by its last id


async def start(send: Send) -> None:
    """The head of an event stream."""
    headers = [
        (b"content-type", b"text/event-stream; charset=utf-8"),
        (b"cache-control", b"no-store"),
        (b"x-accel-buffering", b"no"),
        (b"x-content-type-options", b"nosniff"),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})


def compact(value: Any) -> str:
    """JSON on one line."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


async def serve(
    *, stream: Followed, of: UUID, waiters: Waiters, form: Form, receive: Receive, send: Send
) -> Outcome:
    """Send the events of a job or batch until it ends, the client goes, or the server stops."""
    gone = asyncio.ensure_future(until_gone(receive))
    begun = False
    try:
        async with waiters.on(of, follows=True) as waiter, Ear(waiters, waiter, of) as ear:
            gone.add_done_callback(lambda _: waiter.wake())
            await stream.want()
            while True:
                look = waiter.rearm()
                events = await stream.catch_up(look=look)
                waiter.seen = stream.ordinal
                if gone.done():
                    return Outcome.GONE
                data = form.show(events) if begun else await form.begin(send, events)
                begun = begun or data is not None
                if waiters.closing and begun and not (stream.ended or form.done):
                    data = (data or b"") + form.cut()
                if data:
                    await send({"type": "http.response.body", "body": data, "more_body": True})
                if stream.ended or form.done or waiters.closing:
                    break
                if await ear.listen(stream.speaker):
                    waiter.wake()  # it may have spoken before anybody listened
                    await stream.want()
                if look and events:
                    await stream.want()  # a new attempt may begin, after Redis was emptied even
                if not await waiter.woken(within_s=HEARTBEAT_S):
                    await stream.want()
                    if not begun:
                        await form.begin(send, (), at_once=True)
                        begun = True
                    await send({"type": "http.response.body", "body": COMMENT, "more_body": True})
        if not begun:
            return Outcome.UNSENT
        await send({"type": "http.response.body", "body": b"", "more_body": False})
        return Outcome.ENDED if stream.ended else Outcome.CUT
    except Exception:
        if not begun:
            raise
        # The head is sent: all that is left is to cut the answer off, and the client resumes it.
        log.exception("event=stream_failed")
        return Outcome.CUT
    finally:
        gone.cancel()


class Ear:
    """Listens to the job that speaks for the one that is waited for, whichever that is at the moment."""

    def __init__(self, waiters: Waiters, waiter: Waiter, job_id: UUID) -> None:
        self._waiters = waiters
        self._waiter = waiter
        self._own = self._speaker = job_id
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> "Ear":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def listen(self, speaker: UUID) -> bool:
        """Listen to this one from now on; True when it is a new one."""
        if speaker == self._speaker:
            return False
        await self._stack.aclose()
        self._stack = AsyncExitStack()
        self._speaker = speaker
        if speaker != self._own:
            await self._stack.enter_async_context(self._waiters.on(speaker, relay_to=self._waiter))
        return True


async def until_gone(receive: Receive) -> None:
    """Returns once the client has hung up."""
    while (await receive())["type"] != "http.disconnect":
        pass

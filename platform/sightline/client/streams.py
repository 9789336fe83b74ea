"""The events of a job or batch over as many HTTP responses as it takes."""

from __future__ import annotations

import json

import httpx

from sightline.client.errors import StreamUnusable
from sightline.client.patience import Patience, pause_after_break
from sightline.client.sse import Message, Parser
from sightline.client.values import Event
from sightline.client.wire import Answer, Close, Flow, Pause, Read, Request

_SILENCE_S = 40.0
"""The server sends a heartbeat every 15 s."""
_BARREN = 3
"""Streams in a row that end without a single byte: something in between does not let them pass."""
_TYPE = "text/event-stream"


class EventStream:
    """Remembers the last event, so that a broken stream goes on where it was: none is lost, none comes twice."""

    def __init__(self, patience: Patience, *, path: str, after: int = 0) -> None:
        self.ended = False
        """The last event was read, or was read before."""
        self.last = after
        """Number of the last event."""
        self._patience = patience
        self._path = path
        self._parser: Parser | None = None
        self._bytes = 0
        self._barren = 0

    def more(self) -> Flow[list[Event]]:
        """The next events; maybe none yet. Raises StreamUnusable."""
        if self._parser is None:
            parser = yield from self._open()
            if parser is None:
                return []
            self._parser = parser
        try:
            data: bytes = yield Read()
        except httpx.ReadTimeout:
            if not self._bytes:
                raise StreamUnusable(f"{self._patience.url} sends no events.") from None
            data = b""
        except httpx.TransportError:
            data = b""
        if not data:
            yield from self._broken()
            return []
        self._bytes += len(data)
        self._barren = 0
        events = [event for message in self._parser.feed(data) if (event := self._event(message))]
        if self.ended:
            yield Close()
        return events

    def _open(self) -> Flow[Parser | None]:
        headers = {"Accept": _TYPE}
        if self.last:
            headers["Last-Event-ID"] = str(self.last)
        request = Request(method="GET", path=self._path, headers=headers, read_s=_SILENCE_S)
        answer: Answer = yield from self._patience.open(request)
        self._bytes = 0
        if answer.status == 204:
            self.ended = True
            yield Close()
            return None
        if not answer.headers.get("content-type", "").startswith(_TYPE):
            yield Close()
            raise StreamUnusable(f"{answer.url} answered with no event stream.")
        return Parser()

    def _broken(self) -> Flow[None]:
        self._parser = None
        yield Close()
        self._barren += not self._bytes
        if self._barren >= _BARREN:
            raise StreamUnusable(f"{self._patience.url} breaks off every event stream.")
        yield Pause(seconds=pause_after_break(self._barren))

    def _event(self, message: Message) -> Event | None:
        if self.ended or not message.id.isdecimal():
            return None
        event = Event(number=int(message.id), type=message.type, data=json.loads(message.data))
        self.last = event.number
        self.ended = event.terminal
        return event

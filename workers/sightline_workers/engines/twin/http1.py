"""A small HTTP/1.1 server on bare asyncio.

The simulated engine shares two cores with what it measures, and must be able to reset a connection before
or in the middle of an answer: both are easier below a web framework than above one. Requests on a
connection come one after the other; pipelining is not supported.
"""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import cast

import httptools


@dataclass(frozen=True, kw_only=True)
class HttpRequest:
    """One request, read to its end."""

    method: str
    # Path without the query.
    path: str
    # Query string, without the question mark.
    query: str
    # Names in lower case.
    headers: dict[str, str]
    body: bytes


class Connection(asyncio.Protocol):
    """One client's connection. `handle` is called for each request and answers through the methods below."""

    def __init__(self, handle: Callable[["Connection", HttpRequest], None]) -> None:
        self._handle = handle
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpRequestParser(self)
        self._url = b""
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []
        # Called once when the client goes away while its answer is being made.
        self.on_lost: Callable[[], None] | None = None
        # Set after a 5xx: the next request is reset, as vLLM does.
        self.spoiled = False

    # asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by inheritance

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self.respond(400, json.dumps({"error": str(error)}).encode())
            self.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        lost, self.on_lost = self.on_lost, None
        if lost is not None:
            lost()

    # httptools' side

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        if self._headers.get("expect", "").lower() == "100-continue":
            self._write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        path, _, query = self._url.decode("latin-1").partition("?")
        request = HttpRequest(
            method=self._parser.get_method().decode(),
            path=path,
            query=query,
            headers=self._headers,
            body=b"".join(self._body),
        )
        self._url, self._headers, self._body = b"", {}, []
        if self.spoiled:
            self.reset()
        else:
            self._handle(self, request)

    # the handler's side

    def respond(
        self, status: int, body: bytes, *, kind: str = "application/json", retry_after: int | None = None
    ) -> None:
        """A whole answer."""
        extra = f"retry-after: {retry_after}\r\n" if retry_after is not None else ""
        self._write(
            f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\ncontent-type: {kind}\r\n"
            f"content-length: {len(body)}\r\n{extra}\r\n".encode()
            + body
        )
        self.spoiled = status == 500
        self.on_lost = None

    def begin_stream(self) -> None:
        """The head of a stream of server-sent events."""
        self._write(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n"
            b"transfer-encoding: chunked\r\n\r\n"
        )

    def send_events(self, payloads: list[bytes]) -> None:
        """Events of a stream, in one write; each its own HTTP chunk as vLLM sends them."""
        self._write(b"".join(b"%x\r\ndata: %b\n\n\r\n" % (len(payload) + 8, payload) for payload in payloads))

    def end_stream(self) -> None:
        """The end of a stream; the connection may be used again."""
        self._write(b"0\r\n\r\n")
        self.on_lost = None

    def close(self) -> None:
        """Close after what was written has left."""
        if self._transport is not None:
            self._transport.close()

    def reset(self) -> None:
        """Cut the connection at once; what was not sent yet is lost."""
        if self._transport is not None:
            self._transport.abort()

    def _write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)

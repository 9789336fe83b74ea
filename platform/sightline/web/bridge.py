"""From the event loop to Django's WSGI app: one hop into a thread and back.

The body is complete before a thread is taken, and the response is complete before the thread is left, so neither a
slow sender nor a slow reader ever holds one. (a2wsgi hops once for every piece of both.)
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from io import BytesIO
from typing import IO, Any
from urllib.parse import unquote_to_bytes

from sightline.errors import Unavailable
from sightline.events.boards import SHELL

log = logging.getLogger("sightline.web")

CHUNKED = "X-Sightline-Chunked"
"""Set by a view whose streaming response goes out piece by piece instead of being made whole first."""

Scope = Mapping[str, Any]
Headers = list[tuple[bytes, bytes]]

_CHUNKED = CHUNKED.lower().encode()


@dataclass(frozen=True, kw_only=True)
class Response:
    """A whole response."""

    status: int
    headers: Headers
    body: bytes = b""
    chunks: "Chunks | None" = None
    """The rest of the body, where it is too long to be made at once. Whoever gets it closes it."""

    def header(self, name: bytes) -> bytes | None:
        """The first header of that (lower-case) name."""
        return next((value for key, value in self.headers if key == name), None)

    def without(self, *names: bytes) -> "Response":
        """The same without some headers."""
        kept = [(key, value) for key, value in self.headers if key not in names]
        return replace(self, headers=kept)


class Chunks:
    """A body made piece by piece: each piece takes a thread while it is made, none while it is sent."""

    def __init__(self, iterable: Iterable[bytes]) -> None:
        self._iterable = iterable
        self._iterator = iter(iterable)

    def next(self) -> bytes | None:
        """The next piece; None at the end."""
        return next(self._iterator, None)

    def close(self) -> None:
        """Let go of what the pieces are made from; Django's signal that the request is over."""
        getattr(self._iterable, "close", lambda: None)()


@dataclass(frozen=True, kw_only=True)
class Call:
    """What Django is asked."""

    scope: Scope
    body: IO[bytes] = field(default_factory=BytesIO)
    length: int = 0
    """Bytes of the body."""
    environ: Mapping[str, Any] = field(default_factory=dict)
    """WSGI variables beside those of the request; no client can set them."""


class Bridge:
    """Runs calls in a fixed number of threads."""

    def __init__(self, app: Callable[..., Iterable[bytes]], *, threads: int) -> None:
        self._app = app
        self._pool = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="web")
        self._most_waiting = threads * 128
        self._in_hand = 0
        self._closed = False

    @property
    def crowded(self) -> bool:
        """So many calls wait for a thread that another one would only grow old."""
        return self._in_hand >= self._most_waiting

    async def call(self, call: Call) -> Response:
        """Django's response. What its error handling lets through becomes an exception here."""
        response: Response = await self.run(self._respond, call)
        return response

    async def run(self, function: Callable[..., Any], *args: Any) -> Any:
        """Run a function in one of the threads. Raises Unavailable once the server stops."""
        if self._closed:
            raise Unavailable("The server restarts. Ask again in a moment.")
        self._in_hand += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, function, *args)
        finally:
            self._in_hand -= 1

    def close(self) -> None:
        """Let the threads end once their calls have."""
        self._closed = True
        self._pool.shutdown(wait=False)

    def _respond(self, call: Call) -> Response:
        head: dict[str, Any] = {}
        written: list[bytes] = []

        def start_response(
            status: str, headers: list[tuple[str, str]], exc_info: Any = None
        ) -> Callable[..., None]:
            head["status"] = int(status.split(" ", 1)[0])
            head["headers"] = [
                (name.lower().encode("latin1"), value.encode("latin1")) for name, value in headers
            ]
            return written.append

        iterable = self._app(_environ(call), start_response)
        if any(name == _CHUNKED for name, _ in head["headers"]) and call.scope["method"] != "HEAD":
            return Response(status=head["status"], headers=head["headers"], chunks=Chunks(iterable))
        try:
            written.extend(iterable)
        finally:
            getattr(iterable, "close", lambda: None)()  # Django's signal that the request is over
        body = b"" if call.scope["method"] == "HEAD" else b"".join(written)
        return Response(status=head["status"], headers=head["headers"], body=body)


def _environ(call: Call) -> dict[str, Any]:
    """The WSGI environment (PEP 3333): text is bytes in Latin-1."""
    scope = call.scope
    host, port = scope.get("server") or ("localhost", 80)
    client = scope.get("client") or ("", 0)
    environ: dict[str, Any] = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        # The raw path: uvicorn's decoded one has lost what is no UTF-8.
        "PATH_INFO": unquote_to_bytes(scope["raw_path"]).decode("latin1"),
        "QUERY_STRING": scope["query_string"].decode("latin1"),
        "SERVER_NAME": host,
        "SERVER_PORT": str(port or 0),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "REMOTE_ADDR": client[0],
        "REMOTE_PORT": str(client[1]),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.get("scheme", "http"),
        "wsgi.input": call.body,
        "wsgi.errors": _Errors(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
        SHELL: True,
    }
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin1"), raw_value.decode("latin1")
        # X_Forwarded_Proto must not pass for X-Forwarded-Proto; Proxy must not become HTTP_PROXY (httpoxy).
        if "_" in name or name in ("content-length", "transfer-encoding", "proxy"):
            continue
        key = "CONTENT_TYPE" if name == "content-type" else "HTTP_" + name.upper().replace("-", "_")
        if key in environ:
            value = f"{environ[key]}{';' if name == 'cookie' else ','}{value}"
        environ[key] = value
    environ["CONTENT_LENGTH"] = str(call.length)  # as it arrived: chunked bodies announce none
    environ.update(call.environ)
    return environ


class _Errors:
    """`wsgi.errors` as log lines."""

    def write(self, text: str) -> None:
        if text.strip():
            log.warning("event=wsgi_error text=%r", text.strip()[:1000])

    def flush(self) -> None:
        return None

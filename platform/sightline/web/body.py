"""Reading a request's body before anybody works on it: capped, timed, on disk when it is large."""

import asyncio
import tempfile
from collections.abc import Awaitable, Callable, Iterable
from typing import IO, Any

from sightline.errors import Problem

Receive = Callable[[], Awaitable[dict[str, Any]]]

IN_MEMORY = 2**20
"""Bytes that a body may have before it goes to a temporary file."""
IDLE_S = 20.0
"""Longest silence within a body."""
TOTAL_S = 300.0
"""Longest time that a whole body may take."""


class BodyTooLarge(Problem):
    code, status = "body_too_large", 413


class BodyTooSlow(Problem):
    code, status = "request_timeout", 408


class ClientGone(Exception):
    """The client hung up before its request was complete."""


async def read_body(
    receive: Receive, headers: Iterable[tuple[bytes, bytes]], *, limit: int, total_s: float = TOTAL_S
) -> tuple[IO[bytes], int]:
    """The body as a file at its start, and its length in bytes.

    A slow client holds nothing but this coroutine. Raises BodyTooLarge (413) as soon as more than `limit` bytes
    are announced or have arrived, BodyTooSlow (408), ClientGone.
    """
    announced = next((value for name, value in headers if name == b"content-length"), b"0")
    if int(announced) > limit:
        raise _too_large(limit)
    file = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115
    try:
        length = await _fill(file, receive, limit, total_s)
    except BaseException:
        file.close()
        raise
    file.seek(0)
    return file, length


async def drain(receive: Receive, *, most: int = 16 * 2**20, within_s: float = 2.0) -> None:
    """Read on for a little after a refusal: closing on unread bytes resets the connection, and the client would
    see the reset instead of the answer."""
    seen = 0
    try:
        async with asyncio.timeout(within_s):
            while seen < most:
                message = await receive()
                seen += len(message.get("body", b""))
                if message["type"] == "http.disconnect" or not message.get("more_body", False):
                    return
    except TimeoutError:
        return


async def _fill(file: IO[bytes], receive: Receive, limit: int, total_s: float) -> int:
    length, more = 0, True
    loop = asyncio.get_running_loop()
    ends = loop.time() + total_s
    while more:
        try:
            async with asyncio.timeout(min(IDLE_S, ends - loop.time())):
                message = await receive()
        except TimeoutError as error:
            raise BodyTooSlow("The body took too long to arrive.", retryable=True) from error
        if message["type"] == "http.disconnect":
            raise ClientGone
        chunk = message.get("body", b"")
        length += len(chunk)
        if length > limit:
            raise _too_large(limit)
        file.write(chunk)
        more = message.get("more_body", False)
    return length


def _too_large(limit: int) -> BodyTooLarge:
    return BodyTooLarge(f"A body has at most {limit} bytes.")

"""Bodies are capped and timed while they arrive."""

import asyncio
from typing import Any

import pytest

from sightline.api import problem as problems
from sightline.errors import Problem
from sightline.web import body as bodies
from sightline.web.body import BodyTooLarge, BodyTooSlow, ClientGone, Receive, read_body


def sender(*messages: dict[str, Any]) -> Receive:
    waiting = list(messages)

    async def receive() -> dict[str, Any]:
        if not waiting:
            await asyncio.Event().wait()
        return waiting.pop(0)

    return receive


def chunk(data: bytes, more: bool = True) -> dict[str, Any]:
    return {"type": "http.request", "body": data, "more_body": more}


def test_a_body_is_put_together() -> None:
    file, length = asyncio.run(read_body(sender(chunk(b"ab"), chunk(b"c", False)), [], limit=10))
    with file:
        assert (file.read(), length) == (b"abc", 3)


def test_a_large_body_lies_on_disk() -> None:
    piece = b"x" * 2**20
    file, length = asyncio.run(read_body(sender(chunk(piece), chunk(piece, False)), [], limit=2**22))
    with file:
        assert length == 2**21
        assert file._rolled  # type: ignore[attr-defined]


def test_an_announced_size_is_refused_before_a_byte_is_read() -> None:
    with pytest.raises(BodyTooLarge):
        asyncio.run(read_body(sender(), [(b"content-length", b"11")], limit=10))


def test_an_endless_body_is_refused_at_the_limit() -> None:
    with pytest.raises(BodyTooLarge):
        asyncio.run(read_body(sender(chunk(b"x" * 6), chunk(b"x" * 6)), [], limit=10))


def test_a_silent_sender_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "IDLE_S", 0.01)
    with pytest.raises(BodyTooSlow) as refusal:
        asyncio.run(read_body(sender(chunk(b"x")), [], limit=10))
    assert refusal.value.status == 408


def test_a_sender_that_hangs_up_is_no_request() -> None:
    with pytest.raises(ClientGone):
        asyncio.run(read_body(sender(chunk(b"x"), {"type": "http.disconnect"}), [], limit=10))


def test_the_trace_of_the_client_is_kept() -> None:
    trace = "0af7651916cd43dd8448eb211c80319c"
    assert problems.trace_id(f"00-{trace}-b7ad6b7169203331-01") == trace
    assert len(problems.trace_id("nonsense")) == 32


@pytest.mark.parametrize(
    ("status", "header"), [(401, "WWW-Authenticate"), (429, "Retry-After"), (503, "Retry-After")]
)
def test_statuses_carry_their_headers(status: int, header: str) -> None:
    assert header in problems.headers(Problem("x", status=status))

"""Rows 5, 10 and 14 of the fault matrix as the web server meets them: it answers whatever its clients do."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import httpx
import pytest
from support.bodies import body
from support.client import Client
from support.platform import Platform
from support.waiting import until

from sightline.web.protocol import HEAD_BYTES

LORISES, WAITERS, KILLED = 300, 150, 12
_WAITING_CLIENT = """
import sys, threading, httpx
url, key, job = sys.argv[1:4]
client = httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=60,
                      limits=httpx.Limits(max_connections=40))

def wait():
    client.get(f"/api/v1/jobs/{job}", params={"wait": 30})

def follow():
    with client.stream("GET", f"/api/v1/jobs/{job}/events") as stream:
        for _ in stream.iter_lines():
            pass

for number in range(30):
    threading.Thread(target=wait if number % 2 else follow, daemon=True).start()
print("there", flush=True)
threading.Event().wait()
"""


def _answers(platform: Platform, client: Client, job: str) -> float:
    """Seconds of the slower of a process check and a look at a job."""
    began = time.monotonic()
    assert httpx.get(f"{platform.url}/healthz", timeout=30.0).status_code == 200
    assert client.http.get(f"/api/v1/jobs/{job}").status_code == 200
    return time.monotonic() - began


@contextmanager
def _connections(platform: Platform, count: int, sent: bytes) -> Iterator[list[socket.socket]]:
    with ExitStack() as all_of_them:
        made = []
        for _ in range(count):
            link = all_of_them.enter_context(socket.create_connection(("127.0.0.1", platform.port), 30.0))
            link.sendall(sent)
            made.append(link)
        yield made


@pytest.fixture
def paused_job(platform: Platform) -> Iterator[tuple[Client, str]]:
    """A job that waits for as long as the test lasts."""
    client = platform.client()
    platform.pause("ocr")
    job = client.submit(body("ocr", 9300))
    yield client, job
    platform.resume("ocr")
    assert client.wait(job)["status"] == "succeeded"


@pytest.mark.row(14)
def test_heads_that_never_end_cost_nobody_else_an_answer(
    platform: Platform, paused_job: tuple[Client, str]
) -> None:
    half = b"GET /api/v1/jobs HTTP/1.1\r\nHost: localhost\r\nX-Slow: "
    slow_body = b"POST /api/v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n{"
    with (
        _connections(platform, LORISES, half) as heads,
        _connections(platform, LORISES, slow_body),
        _connections(platform, LORISES, b""),
    ):
        took = _answers(platform, *paused_job)
        print(f"an answer beside {3 * LORISES} slow connections took {took:.2f} s")
        (first, *_) = heads
        first.settimeout(60.0)
        assert first.recv(1) == b"", "a head that does not end is hung up on"


@pytest.mark.row(14)
def test_a_head_without_end_is_refused(platform: Platform) -> None:
    with _connections(platform, 1, b"GET / HTTP/1.1\r\nHost: localhost\r\n") as (link,):
        assert any(_is_refused(link) for _ in range(2 + HEAD_BYTES // 1000))
    assert platform.web_answers()


def _is_refused(link: socket.socket) -> bool:
    """Send one more header; has the server had enough?"""
    try:
        link.sendall(b"X-More: " + b"x" * 990 + b"\r\n")
        answer = _read_now(link)
    except OSError:  # it closed the connection while we were sending
        return True
    assert not answer or answer.startswith(b"HTTP/1.1 431 ")
    return bool(answer)


def _read_now(link: socket.socket) -> bytes:
    link.settimeout(0.05)
    try:
        return link.recv(100)
    except TimeoutError:
        return b""
    finally:
        link.settimeout(30.0)


@pytest.mark.row(10)
def test_clients_killed_while_they_wait_and_stream_leave_nothing_behind(
    platform: Platform, paused_job: tuple[Client, str]
) -> None:
    client, job = paused_job
    pid = platform.children["web"].pid
    before = _open_files(pid)
    for _ in range(KILLED):
        key = platform.keys[client.tenant]
        waiting = subprocess.Popen(
            [sys.executable, "-c", _WAITING_CLIENT, platform.url, key, job],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        with waiting:
            assert waiting.stdout is not None
            waiting.stdout.readline()
            until(lambda: _open_files(pid) >= before + 20, what="its requests are there")
            waiting.send_signal(signal.SIGKILL)
        _answers(platform, client, job)
        until(lambda: _open_files(pid) < before + 20, what="its connections are closed")


def _open_files(pid: Any) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))  # noqa: PTH208


@pytest.mark.row(5)
def test_many_waiters_are_answered_while_redis_hangs(
    platform: Platform, paused_job: tuple[Client, str]
) -> None:
    """Each of them subscribes and looks by itself; none may hold up the others, or anybody else."""
    client, job = paused_job
    redis = platform.redis.process.pid  # type: ignore[union-attr]
    wait = (
        f"GET /api/v1/jobs/{job}?wait=%d HTTP/1.1\r\nHost: localhost\r\n"
        f"Authorization: Bearer {platform.keys[client.tenant]}\r\n\r\n"
    )
    with _connections(platform, WAITERS, (wait % 60).encode()):
        os.kill(redis, signal.SIGSTOP)
        try:
            with _connections(platform, WAITERS, (wait % 3).encode()) as late:
                took = [_answers(platform, client, job) for _ in range(5)]
                for link in late:
                    link.settimeout(60.0)
                    assert link.recv(12) == b"HTTP/1.1 200"
        finally:
            os.kill(redis, signal.SIGCONT)
    print(f"answers beside {2 * WAITERS} waiters without Redis took up to {max(took):.2f} s")

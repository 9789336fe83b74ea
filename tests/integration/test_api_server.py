"""The whole web process over a real socket: waiting, hostile bodies, signals, and a Redis that goes away."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from support.black_hole import BlackHole

_READY_S = 30
LONG_S = 200
"""A wait beyond the patience of `in_thread`: its answer came because the waiter was told, not because it was over."""
PAUSE_S = 2.0
"""Between two tries of a Redis that did not answer: the breaker's."""


@dataclass
class Server:
    """A running `sightline web` and a key for it."""

    url: str
    key: str
    process: subprocess.Popen[str]
    env: dict[str, str]
    lines: list[str] = field(default_factory=list)
    reader: threading.Thread | None = None

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"}

    @property
    def client(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, headers=self.headers, timeout=20)

    def get(self, path: str, more: str = "") -> str:
        """A request as it goes over the wire, so that nothing tidies it up."""
        return f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {self.key}\r\n{more}\r\n"

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(30)
        if self.reader is not None:
            self.reader.join(10)
        assert self.process.stderr is not None
        self.process.stderr.close()

    def connect(self) -> socket.socket:
        parts = urllib.parse.urlsplit(self.url)
        return socket.create_connection((parts.hostname, parts.port), timeout=20)


def manage(env: dict[str, str], code: str) -> str:
    """Run code in a process of the platform and return what it prints."""
    done = subprocess.run(
        [sys.executable, "-c", f"import django; django.setup()\n{code}"],
        env=env,
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip()


def start(env: dict[str, str]) -> Server:
    key = manage(
        env,
        "from sightline.tenants import keys\n"
        "print(keys.create(tenant='t', name='k', scopes=('submit', 'read', 'admin'))[1])",
    )
    process = subprocess.Popen(
        [sys.executable, "-c", "from sightline.web_server import serve; serve('127.0.0.1', 0)"],
        env=env,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    server = Server(url="", key=key, process=process, env=env)
    started = threading.Event()

    def read() -> None:
        assert process.stderr is not None
        for line in process.stderr:
            server.lines.append(line)
            if "event=web_started" in line:
                server.url = line.split("url=")[1].strip()
                started.set()

    server.reader = threading.Thread(target=read, daemon=True)
    server.reader.start()
    assert started.wait(_READY_S), server.lines
    with server.client as client:
        assert client.get("/healthz").status_code == 200
    return server


@pytest.fixture
def server(sightline_env: dict[str, str]) -> Iterator[Server]:
    found = start({**sightline_env, "SIGHTLINE_MAX_BODY_BYTES": "4000000"})
    yield found
    found.stop()


def submit(client: httpx.Client, **more: Any) -> dict[str, Any]:
    body = {"kind": "chat", "input": {"prompt": "hello"}, **more}
    answer = client.post("/api/v1/jobs", json=body)
    assert answer.status_code == 202, answer.text
    found: dict[str, Any] = answer.json()
    return found


def finish_next(env: dict[str, str], queue: str = "chat.default") -> None:
    """Claim the next job and finish it, as a worker does."""
    manage(
        env,
        "from sightline.jobs.claims import Claimant, Result\n"
        "from sightline.jobs.services.claim import claim\n"
        "from sightline.jobs.services.finish import finish\n"
        f"c = claim(queue={queue!r}, claimant=Claimant(worker='w', group='', engine='e'))\n"
        "r = Result(output={'text': 'done'}, complete=True, finish_reason='stop',\n"
        "           usage={'input_tokens': 1, 'image_tokens': 0, 'output_tokens': 1}, timings={'total': 1.0})\n"
        "assert finish(claim=c, result=r)",
    )


def in_thread(function: Callable[[], Any]) -> Callable[[], Any]:
    """Start it now; the returned function gives its result."""
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(function()))
    thread.start()

    def result() -> Any:
        thread.join(60)
        return found[0]

    return result


def test_a_waiting_get_answers_when_the_job_ends(server: Server) -> None:
    with server.client as client:
        job = submit(client)
        path = f"{server.url}/api/v1/jobs/{job['id']}?wait={LONG_S}"
        waiting = in_thread(lambda: httpx.get(path, headers=server.headers, timeout=LONG_S + 30))
        finish_next(server.env)
        answer = waiting()
    assert answer.json()["status"] == "succeeded"
    assert answer.json()["output"] == {"text": "done"}
    assert "x-sightline-wait" not in answer.headers


def test_prefer_wait_answers_200_with_the_ended_job(server: Server) -> None:
    body = {"kind": "chat", "input": {"prompt": "hello"}}
    headers = {**server.headers, "Prefer": "wait=20"}
    waiting = in_thread(
        lambda: httpx.post(f"{server.url}/api/v1/jobs", json=body, headers=headers, timeout=30)
    )
    with server.client as client:
        while not client.get("/api/v1/jobs").json()["data"]:
            pass
    finish_next(server.env)
    answer = waiting()
    assert answer.status_code == 200
    assert answer.json()["status"] == "succeeded"
    assert answer.headers["preference-applied"] == "wait=20"
    assert answer.headers["location"] == f"/api/v1/jobs/{answer.json()['id']}"


def test_a_wait_that_runs_out_answers_with_the_current_state(server: Server) -> None:
    with server.client as client:
        job = submit(client)
        began = time.monotonic()
        answer = client.get(f"/api/v1/jobs/{job['id']}?wait=0.5")
        assert answer.json()["status"] == "queued"
        assert time.monotonic() - began > 0.4
        held = client.post(
            "/api/v1/jobs", json={"kind": "chat", "input": {"prompt": "x"}}, headers={"Prefer": "wait=1"}
        )
    assert held.status_code == 202
    assert held.json()["status"] == "queued"


def test_more_waiters_than_threads_leave_the_threads_free(server: Server) -> None:
    with server.client as client:
        job = submit(client)
        connections = []
        for _ in range(60):
            connection = server.connect()
            request = server.get(f"/api/v1/jobs/{job['id']}?wait=60")
            connection.sendall(request.encode())
            connections.append(connection)
        assert submit(client)["status"] == "queued"  # 8 threads, 60 waiters, and this one is served
        client.post(f"/api/v1/jobs/{job['id']}/cancel")
        for connection in connections:
            response = http.client.HTTPResponse(connection)
            response.begin()
            assert json.loads(response.read())["status"] == "cancelled"
            connection.close()


def test_a_client_that_hangs_up_is_let_go(server: Server) -> None:
    with server.client as client:
        job = submit(client)
        for _ in range(5):
            connection = server.connect()
            request = server.get(f"/api/v1/jobs/{job['id']}?wait=60")
            connection.sendall(request.encode())
            connection.close()
        server.process.send_signal(signal.SIGTERM)
        server.process.wait(30)  # half of what they asked for


def test_sigterm_answers_the_waiters_with_the_current_state(server: Server) -> None:
    with server.client as client:
        job = submit(client)
        waiting = in_thread(
            lambda: httpx.get(
                f"{server.url}/api/v1/jobs/{job['id']}?wait=60", headers=server.headers, timeout=70
            )
        )
        # The second, short wait is answered after the first one has been taken in: requests are read in order.
        client.get(f"/api/v1/jobs/{job['id']}?wait=0.5")
    server.process.send_signal(signal.SIGTERM)
    answer = waiting()
    assert answer.status_code == 200
    assert answer.json()["status"] == "queued"
    assert server.process.wait(30) == 0 or server.process.returncode == -signal.SIGTERM


def test_a_redis_that_hangs_is_tried_twice_and_not_again_by_every_submit(
    sightline_env: dict[str, str],
) -> None:
    """Each try costs the process half a second: two of them are the 1.1 s that a submit may take."""
    hole = BlackHole()
    server = start({**sightline_env, "SIGHTLINE_REDIS_URL": hole.url})
    try:
        with server.client as client:
            before = hole.accepted
            first = time.monotonic()
            jobs = [submit(client) for _ in range(8)]
            probes = 1 + int((time.monotonic() - first) / PAUSE_S)
        assert {job["status"] for job in jobs} == {"queued"}
        assert hole.accepted - before <= 2 * probes
    finally:
        server.stop()
        hole.close()


def test_waiters_hear_of_the_end_while_redis_is_away(sightline_env: dict[str, str], own_redis: Any) -> None:
    server = start({**sightline_env, "SIGHTLINE_REDIS_URL": own_redis.url})
    try:
        with server.client as client:
            job = submit(client)
            path = f"{server.url}/api/v1/jobs/{job['id']}?wait={LONG_S}"
            waiting = in_thread(lambda: httpx.get(path, headers=server.headers, timeout=LONG_S + 30))
            own_redis.kill()
            assert submit(client)["status"] == "queued"
            finish_next(server.env)
            assert waiting().json()["status"] == "succeeded"
            own_redis.start()
            third = submit(client)
            again = in_thread(
                lambda: httpx.get(
                    f"{server.url}/api/v1/jobs/{third['id']}?wait=30", headers=server.headers, timeout=40
                )
            )
            client.post(f"/api/v1/jobs/{third['id']}/cancel")
            assert again().json()["status"] == "cancelled"
            assert client.get("/readyz").json()["broker"] in ("ok", "away")
    finally:
        server.stop()


BODIES = {
    "truncated": b'{"kind": "chat"',
    "nothing": b"",
    "nan": b'{"kind": "chat", "input": {"prompt": "x"}, "metadata": {"x": NaN}}',
    "infinity": b'{"metadata": {"x": 1e999}}',
    "huge whole number": b'{"deadline_ms": ' + b"9" * 10_000 + b"}",
    "deep": b"[" * 100_000,
    "deep and closed": b'{"a":' * 500 + b"1" + b"}" * 500,
    "nul": b'{"kind": "chat", "input": {"prompt": "a\\u0000b"}}',
    "raw nul": b'{"kind": "chat", "input": {"prompt": "a\x00b"}}',
    "lone surrogate": b'{"kind": "chat", "input": {"prompt": "\\ud800"}}',
    "surrogate key": b'{"kind": "chat", "\\udfff": 1}',
    "duplicate keys": b'{"kind": "chat", "kind": "ocr"}',
    "a million keys": b"{" + b",".join(b'"%d":1' % n for n in range(300_000)) + b"}",
    "not utf-8": b'{"kind": "\xff\xfe"}',
    "utf-16": '{"kind": "chat"}'.encode("utf-16"),
}


@pytest.fixture(scope="module")
def shared(request: pytest.FixtureRequest, _template: dict[str, str], redis_server: Any) -> Iterator[Server]:
    """One server for the tests that only send it nonsense."""
    found = start(
        {**_template, "SIGHTLINE_REDIS_URL": redis_server.url, "SIGHTLINE_MAX_BODY_BYTES": "4000000"}
    )
    yield found
    found.stop()
    assert not [line for line in found.lines if "Traceback" in line]


def check_problem(answer: httpx.Response) -> dict[str, Any]:
    assert answer.headers["content-type"] == "application/problem+json", answer.text[:300]
    document: dict[str, Any] = answer.json()
    assert set(document) == {"type", "title", "status", "detail", "code", "retryable", "errors", "trace_id"}
    assert document["status"] == answer.status_code < 500
    return document


@pytest.mark.parametrize("name", BODIES)
def test_malformed_json_is_refused_as_a_problem(shared: Server, name: str) -> None:
    with shared.client as client:
        answer = client.post(
            "/api/v1/jobs", content=BODIES[name], headers={"Content-Type": "application/json"}
        )
    assert check_problem(answer)["code"] == "invalid_json"
    assert answer.status_code == 400


@pytest.mark.parametrize(
    "body", [b"1", b"null", b'"x"', b"[]", b"true", b'{"kind": {}}', b'{"kind": 5, "input": []}']
)
def test_json_that_is_no_job_is_unprocessable(shared: Server, body: bytes) -> None:
    with shared.client as client:
        answer = client.post("/api/v1/jobs", content=body, headers={"Content-Type": "application/json"})
    assert check_problem(answer)["status"] == 422


@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [
        ("application/x-www-form-urlencoded", b"kind=chat", 415),
        ("text/plain", b"hello", 415),
        ("application/json; charset=\xff", b"{}", 422),
        ("a" * 5000, b"{}", 415),
        ("multipart/form-data", b"x", 400),
        ("multipart/form-data; boundary=x", b"--x\r\nnonsense", 422),
        ("multipart/form-data; boundary=", b"--x", 400),
        ("multipart/form-data; boundary=\xe9", b"--x", 400),
    ],
)
def test_strange_content_types_are_refused(
    shared: Server, content_type: str, body: bytes, status: int
) -> None:
    with shared.client as client:
        headers = {"Content-Type": content_type.encode("latin1")}
        answer = client.post("/api/v1/jobs", content=body, headers=headers)  # type: ignore[arg-type]
    assert check_problem(answer)["status"] == status


@pytest.mark.parametrize(
    "fields",
    [
        [("kind", "chat"), ("prompt", "a\x00b")],
        [("kind", "chat"), ("params", "abc"), ("max_tokens", "5")],
        [("kind", "chat"), ("input", "[1]"), ("prompt", "x")],
        [("kind", "ocr"), ("images", "x")],
        [("job", "{")],
        [("job", '{"kind": "chat"}'), ("kind", "chat")],
        [("kind", "chat"), ("prompt", "x"), ("deadline_ms", "1e999")],
        [("kind", "chat"), ("kind", "ocr")],
        [(f"f{n}", "x") for n in range(2000)],
    ],
)
def test_strange_forms_are_refused(shared: Server, fields: list[tuple[str, str]]) -> None:
    files = [(name, (None, value)) for name, value in fields]
    with shared.client as client:
        answer = client.post("/api/v1/jobs", files=files)
    assert check_problem(answer)["status"] in (400, 422)


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/jobs/%ff%fe",
        "/api/v1/jobs/job_%00",
        "/api/v1/jobs/../../etc/passwd",
        "/api/v1/nothing",
        "/nothing",
        "/%c0%ae%c0%ae/",
        "/static/../../secret-key",
        "/api/v1/jobs/" + "x" * 5000,
        "/api/v1/jobs/job_" + "é" * 26,
        "/api/v1/queues/%F0%9F%92%A9",
        "/api/v1/jobs?cursor=%00",
        "/api/v1/jobs?limit=99999999999999999999",
        "/api/v1/jobs?created_after=0001-01-01T00:00:00Z",
        "/api/v1/jobs?kind=%ff",
        "/api/v1/jobs?%ff=%00",
        "/api/v1/jobs?created_before=9999-12-31T23:59:59-23:59",
        "/api/v1/jobs?status=queued,nope",
    ],
)
def test_strange_addresses_are_refused(shared: Server, path: str) -> None:
    request = shared.get(path, "Connection: close\r\n")
    with shared.connect() as connection:
        connection.sendall(request.encode())
        response = http.client.HTTPResponse(connection)
        response.begin()
        text = response.read()
    assert 400 <= response.status < 500, text[:300]
    assert b"<" not in text[:1], text[:300]


def test_methods_and_hosts_that_are_not_served_are_problems(shared: Server) -> None:
    with shared.client as client:
        assert check_problem(client.put("/api/v1/jobs"))["code"] == "method_not_allowed"
        assert check_problem(client.request("QUERY", "/api/v1/jobs"))["status"] == 405
        assert check_problem(client.get("/api/v1/jobs", headers={"Host": "evil.example"}))["status"] == 400
        assert check_problem(client.get("/metrics", headers={"Authorization": "x"}))["status"] == 401


def test_head_has_headers_and_no_body(shared: Server) -> None:
    with shared.client as client:
        for path in ("/healthz", "/readyz", "/api/v1/jobs", "/api/v1/docs"):
            answer = client.head(path)
            assert answer.status_code == 200
            assert answer.content == b""


def test_a_body_beyond_the_limit_is_refused_while_it_streams(shared: Server) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(400):
            yield b"x" * 20_000

    with shared.client as client:
        announced = client.post("/api/v1/uploads", content=b"x" * 4_000_001)
        assert check_problem(announced)["code"] == "body_too_large"
        chunked = client.post("/api/v1/uploads", content=endless())
        assert check_problem(chunked)["code"] == "body_too_large"


def test_senders_that_stall_hold_no_thread(shared: Server) -> None:
    stalled = []
    for _ in range(40):
        connection = shared.connect()
        connection.sendall(
            b"POST /api/v1/uploads HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nxx"
        )
        stalled.append(connection)
    with shared.client as client:
        assert client.get("/readyz").status_code == 200
    for connection in stalled:
        connection.close()


def test_internal_and_underscored_headers_from_outside_are_nothing(shared: Server) -> None:
    with shared.client as client:
        answer = client.get(
            "/api/v1/jobs",
            headers={"X-Sightline-Wait": "x", "Sightline.Reread": "1", "X_Forwarded_Host": "evil"},
        )
    assert answer.status_code == 200


def test_a_taken_port_is_a_clear_error(shared: Server) -> None:
    port = urllib.parse.urlsplit(shared.url).port
    code = (
        "from sightline.web_server import CannotListen, serve\n"
        f"try: serve('127.0.0.1', {port})\n"
        "except CannotListen as error: print(error.message)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=shared.env, capture_output=True, text=True, timeout=60
    )
    assert done.stdout.startswith(f"Port {port} on 127.0.0.1 is taken")


def test_a_web_process_never_loads_torch(shared: Server) -> None:
    code = (
        "import sightline.asgi, sys\n"
        "heavy = ('torch', 'vllm', 'transformers', 'scipy')\n"
        "print([name for name in sys.modules if name.split('.')[0] in heavy])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **shared.env},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"

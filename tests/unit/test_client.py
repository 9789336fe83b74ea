"""The HTTP client against a real server that answers as it is told."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from sightline.client import Client, ClientError, Refused, Unreachable


class Said(NamedTuple):
    """One request as the server saw it."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class Script:
    """Answers requests in order: (status, document, headers)."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, Any, dict[str, str]]] = []
        self.said: list[Said] = []

    def will(self, status: int, document: Any, **headers: str) -> None:
        self.answers.append(
            (status, document, {name.replace("_", "-"): value for name, value in headers.items()})
        )


@pytest.fixture
def script() -> Script:
    return Script()


@pytest.fixture
def client(script: Script) -> Iterator[Client]:
    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            script.said.append(Said(self.command, self.path, dict(self.headers), body))
            status, document, headers = script.answers.pop(0)
            data = document if isinstance(document, bytes) else json.dumps(document).encode()
            self.send_response(status)
            for name, value in {"Content-Length": str(len(data)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = answer

        def log_message(self, *_: Any) -> None:
            """Nothing: the test's output is not a server's log."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    with Client(url=f"http://127.0.0.1:{server.server_port}/", key="sl_test", patience_s=5) as client:
        yield client
    server.shutdown()
    thread.join()
    server.server_close()


def job(status: str, **more: Any) -> dict[str, Any]:
    return {"id": "job_1", "kind": "ocr", "status": status, **more}


def test_submit_sends_the_key_and_one_idempotency_key_for_all_tries(client: Client, script: Script) -> None:
    script.will(503, {"code": "unavailable"}, Retry_After="0.1")
    script.will(202, job("queued"))
    submitted = client.submit("ocr", {"images": []}, params={"max_tokens": 5}, tags=["a"])
    assert not submitted.ended
    first, second = script.said
    assert first.headers["Authorization"] == "Bearer sl_test"
    assert first.headers["Idempotency-Key"] == second.headers["Idempotency-Key"]
    assert json.loads(second.body) == {
        "kind": "ocr",
        "input": {"images": []},
        "params": {"max_tokens": 5},
        "tags": ["a"],
    }


def test_wait_asks_again_until_the_job_ended(client: Client, script: Script) -> None:
    script.will(200, job("running"))
    script.will(200, job("succeeded", output={"pages": []}))
    ended = client.wait("job_1")
    assert ended.ended
    assert ended.output == {"pages": []}
    assert [said.path for said in script.said] == ["/api/v1/jobs/job_1?wait=30"] * 2


def test_wait_with_a_timeout_returns_the_job_as_it_is(client: Client, script: Script) -> None:
    script.will(200, job("running"))
    assert client.wait("job_1", timeout_s=0).status == "running"


def test_upload_sends_the_file_with_its_name(client: Client, script: Script, tmp_path: Path) -> None:
    image = tmp_path / "a.png"
    image.write_bytes(b"pixels")
    script.will(201, {"id": "up_1"})
    assert client.upload(image) == "up_1"
    assert b'name="image"; filename="a.png"' in script.said[0].body
    assert b"pixels" in script.said[0].body


def test_jobs_follows_the_cursor_up_to_its_limit(client: Client, script: Script) -> None:
    script.will(200, {"data": [job("queued")] * 2, "has_more": True, "next_cursor": "job_1"})
    script.will(200, {"data": [job("queued")], "has_more": True, "next_cursor": "job_0"})
    assert len(list(client.jobs(limit=3, status="queued"))) == 3
    assert script.said[0].path == "/api/v1/jobs?status=queued&limit=3"
    assert script.said[1].path == "/api/v1/jobs?status=queued&cursor=job_1&limit=1"


def test_a_problem_document_becomes_a_sentence_with_its_fields(client: Client, script: Script) -> None:
    errors = [{"pointer": "/input/mode", "detail": "is one of text, markdown"}]
    script.will(422, {"code": "invalid_input", "detail": "The input is not valid.", "errors": errors})
    with pytest.raises(Refused) as refused:
        client.submit("ocr", {})
    assert refused.value.code == "invalid_input"
    assert "/input/mode: is one of text" in str(refused.value)


def test_a_page_that_is_no_api_is_named_as_such(client: Client, script: Script) -> None:
    script.will(404, b"<html>not here</html>")
    with pytest.raises(ClientError, match="Check SIGHTLINE_URL"):
        client.job("job_1")


def test_a_server_that_stays_busy_is_reported_in_the_end(client: Client, script: Script) -> None:
    script.will(503, {"code": "unavailable", "detail": "The database is away."}, Retry_After="60")
    with pytest.raises(Refused, match="The database is away"):
        client.job("job_1")


def test_nobody_at_the_address_is_said_with_what_to_do() -> None:
    with (
        Client(url="http://127.0.0.1:1", key="sl_test") as client,
        pytest.raises(Unreachable, match="make up"),
    ):
        client.job("job_1")

"""The HTTP clients against a real server that answers as it is told."""

import asyncio
import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from sightline import client as package
from sightline.client import (
    AsyncClient,
    Client,
    ClientError,
    Conflict,
    FieldProblem,
    Refused,
    TooMany,
    Unreachable,
)
from sightline.client.sse import Parser
from sightline.client.wire import Answer, seconds_to_wait

HANG_UP = -1
"""A status: read the request, then close the connection without an answer."""


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
        self.answered = threading.Event()

    def will(self, status: int, document: Any = None, **headers: str) -> None:
        self.answers.append(
            (status, document, {name.replace("_", "-"): value for name, value in headers.items()})
        )

    def will_stream(self, *messages: tuple[int, str, Any]) -> None:
        text = "retry: 1000\n\n" + "".join(
            f"id: {number}\nevent: {type}\ndata: {json.dumps(data)}\n\n" for number, type, data in messages
        )
        self.will(200, text.encode(), Content_Type="text/event-stream; charset=utf-8")


@pytest.fixture
def script() -> Script:
    return Script()


@pytest.fixture
def server(script: Script) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            script.said.append(Said(self.command, self.path, dict(self.headers), body))
            status, document, headers = script.answers.pop(0) if script.answers else (599, b"unscripted", {})
            if status == HANG_UP:
                self.close_connection = True
                return
            data = document if isinstance(document, bytes) else json.dumps(document).encode()
            self.send_response(status)
            for name, value in {"Content-Length": str(len(data)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)
            script.answered.set()

        do_GET = do_POST = do_DELETE = answer

        def log_message(self, *_: Any) -> None:
            """Nothing: the test's output is not a server's log."""

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{listening.server_port}"
    listening.shutdown()
    thread.join()
    listening.server_close()


class InALoop:
    """The asynchronous client with the synchronous one's manners, so that one test asks both."""

    def __init__(self, client: AsyncClient, loop: asyncio.AbstractEventLoop) -> None:
        self._client, self._loop = client, loop

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._client, name)

        def call(*arguments: Any, **named: Any) -> Any:
            found = method(*arguments, **named)
            return self._loop.run_until_complete(self._all(found) if hasattr(found, "__aiter__") else found)

        return call

    @staticmethod
    async def _all(values: Any) -> list[Any]:
        return [value async for value in values]


@pytest.fixture(params=["sync", "async"])
def client(server: str, request: pytest.FixtureRequest) -> Iterator[Any]:
    if request.param == "sync":
        with Client(url=f"{server}/", key="sl_test", patience_s=5) as made:
            yield made
        return
    loop = asyncio.new_event_loop()
    made_async = AsyncClient(url=f"{server}/", key="sl_test", patience_s=5)
    yield InALoop(made_async, loop)
    loop.run_until_complete(made_async.close())
    loop.run_until_complete(loop.shutdown_default_executor())
    loop.close()


def job(status: str, **more: Any) -> dict[str, Any]:
    return {"id": "job_1", "kind": "ocr", "status": status, **more}


def test_submit_sends_the_key_and_one_idempotency_key_for_all_tries(client: Client, script: Script) -> None:
    script.will(503, {"code": "unavailable"}, Retry_After="0.1")
    script.will(HANG_UP)
    script.will(409, {"code": "idempotency_in_progress"}, Retry_After="0.1")
    script.will(202, job("queued"))
    submitted = client.submit("ocr", {"images": []}, params={"max_tokens": 5}, tags=["a"])
    assert not submitted.ended
    assert len(script.said) == 4
    assert len({said.headers["Idempotency-Key"] for said in script.said}) == 1
    assert {said.headers["Authorization"] for said in script.said} == {"Bearer sl_test"}
    assert json.loads(script.said[-1].body) == {
        "kind": "ocr",
        "input": {"images": []},
        "params": {"max_tokens": 5},
        "tags": ["a"],
    }


def test_somebody_is_told_when_the_server_stays_busy(server: str, script: Script) -> None:
    for _ in range(4):
        script.will(503, {"code": "unavailable", "detail": "The database is away."}, Retry_After="0.05")
    script.will(200, job("queued"))
    told: list[str] = []
    with Client(url=server, key="sl_test", on_trouble=told.append) as client:
        client.job("job_1")
    assert len(told) == 1
    assert told[0].startswith("The database is away; asking again for up to ")


def test_an_image_is_sent_once_however_often_it_is_submitted(
    client: Client, script: Script, tmp_path: Path
) -> None:
    image = tmp_path / "a.png"
    image.write_bytes(b"pixels")
    script.will(201, {"id": "up_1"})
    script.will(202, job("queued"))
    script.will(202, job("queued"))
    client.submit("ocr", images=[image])
    client.submit("ocr", images=[b"pixels", "up_2", "https://example.com/c.png"])
    assert [said.path for said in script.said] == ["/api/v1/uploads", "/api/v1/jobs", "/api/v1/jobs"]
    assert json.loads(script.said[2].body)["input"]["images"] == [
        {"upload_id": "up_1"},
        {"upload_id": "up_2"},
        {"url": "https://example.com/c.png"},
    ]


def test_an_image_that_the_server_has_erased_meanwhile_is_sent_again(client: Client, script: Script) -> None:
    lost = [{"pointer": "/input/images/0/upload_id", "detail": "There is no such upload."}]
    script.will(201, {"id": "up_1"})
    script.will(422, {"code": "invalid_input", "errors": lost})
    script.will(201, {"id": "up_2"})
    script.will(202, job("queued"))
    assert client.submit("ocr", images=[b"pixels"]).id == "job_1"
    assert json.loads(script.said[-1].body)["input"]["images"] == [{"upload_id": "up_2"}]


def test_an_upload_that_the_caller_named_is_not_tried_twice(client: Client, script: Script) -> None:
    lost = [{"pointer": "/input/images/0/upload_id", "detail": "There is no such upload."}]
    script.will(422, {"code": "invalid_input", "detail": "No.", "errors": lost})
    with pytest.raises(Refused):
        client.submit("ocr", images=["up_1"])
    assert len(script.said) == 1


def test_what_uploads_are_remembered_in_may_be_the_callers(server: str, script: Script) -> None:
    script.will(201, {"id": "up_1"})
    memory: dict[str, str] = {}
    for _ in range(2):
        with Client(url=server, key="sl_test", uploads=memory) as client:
            assert client.upload(b"pixels") == "up_1"
    assert memory == {hashlib.sha256(b"pixels").hexdigest(): "up_1"}
    assert len(script.said) == 1


def test_wait_follows_the_events_and_resumes_a_stream_that_breaks(client: Client, script: Script) -> None:
    script.will(200, job("queued"))
    script.will_stream((10, "job.queued", {}), (20, "job.started", {}))
    script.will(HANG_UP)
    script.will_stream((30, "job.succeeded", {}))
    script.will(200, job("succeeded", output={"pages": []}))
    seen: list[int] = []
    ended = client.wait("job_1", on_event=lambda event: seen.append(event.number))
    assert ended.output == {"pages": []}
    assert seen == [10, 20, 30]
    streams = [said for said in script.said if said.path.endswith("/events")]
    assert [said.headers.get("Last-Event-ID") for said in streams] == [None, "20", "20"]


def test_wait_holds_requests_where_streams_do_not_pass(client: Client, script: Script) -> None:
    script.will(200, job("queued"))
    script.will(200, b"<html>", Content_Type="text/html")
    script.will(200, job("running"))
    script.will(200, job("succeeded"))
    assert client.wait("job_1").ended
    assert [said.path for said in script.said[2:]] == ["/api/v1/jobs/job_1?wait=30"] * 2


def test_wait_gives_streams_up_that_never_bring_a_byte(client: Client, script: Script) -> None:
    script.will(200, job("queued"))
    for _ in range(3):
        script.will(200, b"", Content_Type="text/event-stream")
    script.will(200, job("succeeded"))
    assert client.wait("job_1").ended


def test_wait_with_a_timeout_returns_the_job_as_it_is(client: Client, script: Script) -> None:
    script.will(200, job("running"))
    assert client.wait("job_1", timeout_s=0).status == "running"
    assert len(script.said) == 1


def test_events_of_a_job_that_was_told_to_its_end_are_none(client: Client, script: Script) -> None:
    script.will(204, b"")
    assert list(client.events("job_1", after=30)) == []
    assert script.said[0].headers["Last-Event-ID"] == "30"


def batch(status: str, completed: int) -> dict[str, Any]:
    return {"id": "batch_1", "status": status, "request_counts": {"total": 2, "completed": completed}}


def test_a_batch_is_followed_by_its_events_over_a_stream_that_breaks(client: Client, script: Script) -> None:
    script.will_stream((10, "batch.progress", batch("in_progress", 0)))
    script.will_stream(
        (11, "batch.progress", batch("in_progress", 1)), (20, "batch.completed", batch("completed", 2))
    )
    seen = [(one.status, one.completed) for one in client.follow_batch("batch_1")]
    assert seen == [("in_progress", 0), ("in_progress", 1), ("completed", 2)]
    assert [said.path for said in script.said] == ["/api/v1/batches/batch_1/events"] * 2
    assert [said.headers.get("Last-Event-ID") for said in script.said] == [None, "10"]


def test_a_batch_is_asked_for_where_streams_do_not_pass(client: Client, script: Script) -> None:
    script.will(200, b"<html>", Content_Type="text/html")
    script.will(200, batch("in_progress", 1))
    script.will(200, batch("completed", 2))
    assert [one.completed for one in client.follow_batch("batch_1")] == [1, 2]
    assert [said.path for said in script.said[1:]] == ["/v1/batches/batch_1"] * 2


def test_events_of_an_unknown_job_are_refused(client: Client, script: Script) -> None:
    script.will(404, {"code": "not_found", "detail": "There is no such job."})
    with pytest.raises(package.NotFound, match="no such job"):
        list(client.events("job_1"))


def test_jobs_follows_the_cursor_up_to_its_limit(client: Client, script: Script) -> None:
    script.will(200, {"data": [job("queued")] * 2, "has_more": True, "next_cursor": "job_1"})
    script.will(200, {"data": [job("queued")], "has_more": True, "next_cursor": "job_0"})
    assert len(list(client.jobs(limit=3, status="queued"))) == 3
    assert script.said[0].path == "/api/v1/jobs?status=queued&limit=3"
    assert script.said[1].path == "/api/v1/jobs?status=queued&limit=1&cursor=job_1"


def test_a_problem_document_becomes_an_exception_with_its_fields(client: Client, script: Script) -> None:
    errors = [{"pointer": "/input/mode", "detail": "is one of text, markdown"}]
    document = {
        "code": "invalid_input",
        "title": "The input is not valid",
        "detail": "The input is not valid.",
        "retryable": False,
        "errors": errors,
        "trace_id": "abc",
    }
    script.will(422, document)
    with pytest.raises(package.InvalidRequest) as refused:
        client.submit("ocr", {})
    assert (refused.value.status, refused.value.code, refused.value.trace_id) == (422, "invalid_input", "abc")
    assert refused.value.errors[0].pointer == "/input/mode"
    assert "/input/mode: is one of text" in str(refused.value)


@pytest.mark.parametrize(
    ("status", "type"),
    [
        (401, package.NotAuthenticated),
        (403, package.Forbidden),
        (404, package.NotFound),
        (409, Conflict),
        (410, package.Gone),
        (500, package.Unavailable),
    ],
)
def test_each_status_has_its_exception(
    client: Client, script: Script, status: int, type: type[Refused]
) -> None:
    script.will(status, {"code": "some_code", "detail": "No."})
    with pytest.raises(type):
        client.cancel("job_1")


def test_a_quota_that_is_used_up_for_longer_is_reported_at_once(client: Client, script: Script) -> None:
    script.will(429, {"code": "quota_exceeded", "detail": "Tomorrow.", "retryable": True}, Retry_After="3600")
    with pytest.raises(TooMany, match="Tomorrow") as refused:
        client.submit("ocr", {})
    assert refused.value.retry_after_s == 3600
    assert refused.value.retryable


def test_a_retry_whose_answer_was_lost_is_not_an_error(client: Client, script: Script) -> None:
    script.will(HANG_UP)
    script.will(409, {"code": "conflict", "detail": "A job that is queued cannot be retried."})
    script.will(200, job("queued"))
    assert client.retry("job_1").status == "queued"


def test_a_retry_of_a_job_that_cannot_be_retried_is_a_conflict(client: Client, script: Script) -> None:
    script.will(409, {"code": "conflict", "detail": "A job that is succeeded cannot be retried."})
    script.will(200, job("succeeded"))
    with pytest.raises(Conflict):
        client.retry("job_1")


def test_a_page_that_is_no_api_is_named_as_such(client: Client, script: Script) -> None:
    script.will(404, b"<html>not here</html>")
    with pytest.raises(ClientError, match="Check SIGHTLINE_URL"):
        client.job("job_1")


def test_nobody_at_the_address_is_said_at_once_with_what_to_do() -> None:
    with (
        Client(url="http://127.0.0.1:1", key="sl_test", patience_s=600) as client,
        pytest.raises(Unreachable, match="make up"),
    ):
        client.job("job_1")


@pytest.mark.parametrize(("url", "key"), [("localhost:8000", "sl_test"), ("http://localhost", "sl_\n")])
def test_what_is_no_address_or_no_key_is_said(url: str, key: str) -> None:
    with pytest.raises(ClientError):
        Client(url=url, key=key)


def test_an_interrupted_wait_cancels_the_job_when_asked_to(server: str, script: Script) -> None:
    script.will(200, job("running"))
    script.will_stream((10, "job.started", {}))
    script.will(200, job("cancelled"))

    def interrupt(event: object) -> None:
        raise KeyboardInterrupt

    with Client(url=server, key="sl_test") as client, pytest.raises(KeyboardInterrupt):
        client.wait("job_1", on_event=interrupt, cancel_on_interrupt=True)
    assert (script.said[-1].method, script.said[-1].path) == ("POST", "/api/v1/jobs/job_1/cancel")


def test_a_cancelled_task_cancels_its_job(server: str, script: Script) -> None:
    script.will(202, job("queued"))
    script.will(200, job("running"))
    script.will_stream((10, "job.started", {}))
    script.will(200, job("cancelled"))

    async def scenario() -> None:
        started = asyncio.Event()
        async with AsyncClient(url=server, key="sl_test") as client:
            task = asyncio.create_task(client.run("ocr", {}, on_event=lambda _: started.set()))
            await started.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(scenario())
    assert (script.said[-1].method, script.said[-1].path) == ("POST", "/api/v1/jobs/job_1/cancel")


def test_results_are_typed() -> None:
    output = {
        "arguments": {"action": "left_click", "coordinate": [512, 87]},
        "resolved": {"point_px": [983, 94]},
        "raw": "…",
    }
    gui = package.Job.read({**job("succeeded", output=output), "kind": "gui"}).gui
    assert (gui.action, gui.point_px, gui.arguments) == ("left_click", (983, 94), {"coordinate": [512, 87]})
    page = {"page": 1, "width": 10, "height": 20, "text": "Total", "finish": "stop"}
    page["blocks"] = [{"type": "text", "bbox_px": [1, 2, 3, 4], "text_content": "Total"}]
    ocr = package.Job.read(job("succeeded", output={"mode": "boxes", "pages": [page, page]})).ocr
    assert ocr.text == "Total\n\fTotal"
    assert ocr.pages[0].blocks[0].box_px == (1, 2, 3, 4)
    answer = {"choices": [{"message": {"content": "Gate B12"}, "finish_reason": "stop"}]}
    assert package.Job.read({**job("succeeded", output=answer), "kind": "chat"}).chat.text == "Gate B12"


@pytest.mark.parametrize("document", [job("failed", error={"message": "The image is gone."}), job("running")])
def test_a_result_that_is_not_there_says_why(document: dict[str, Any]) -> None:
    with pytest.raises(package.NotSucceeded, match=r"The image is gone|has not ended"):
        _ = package.Job.read(document).ocr
    with pytest.raises(package.NotSucceeded, match="not chat"):
        _ = package.Job.read(document).chat


def test_events_are_read_however_their_bytes_are_cut() -> None:
    text = ": heartbeat\r\nid: 1\r\nevent: output.delta\r\ndata: é…\r\ndata: two\r\n\r\nid: 2\rdata: x\r\rdata: cut"
    for size in (1, 2, 3, 7, 1000):
        parser, data = Parser(), text.encode()
        found = [m for at in range(0, len(data), size) for m in parser.feed(data[at : at + size])]
        assert [(m.id, m.type, m.data) for m in found] == [
            ("1", "output.delta", "é…\ntwo"),
            ("2", "message", "x"),
        ]


@pytest.mark.parametrize(
    ("text", "least", "most"),
    [("2", 2, 2), ("Fri, 31 Dec 1999 23:59:59 GMT", 0, 0), ("nonsense", None, None), (None, None, None)],
)
def test_retry_after_is_a_number_or_a_date(text: str | None, least: float | None, most: float | None) -> None:
    headers = {} if text is None else {"retry-after": text}
    found = seconds_to_wait(Answer(status=429, headers=headers, body=b"", url="http://x"))
    assert found is None if least is None else least <= (found or 0) <= (most or 0)


def test_the_package_is_typed_for_others() -> None:
    assert (Path(package.__file__).parents[1] / "py.typed").exists()


def test_a_refusal_says_each_thing_once() -> None:
    field = FieldProblem(pointer="/model", detail="There is no model tag 'nope'.")
    other = FieldProblem(pointer="/kind", detail="Field required.")
    said = str(
        Refused(status=422, code="invalid_input", detail=f"/model: {field.detail}", errors=[field, other])
    )
    assert said == "/model: There is no model tag 'nope'. (invalid_input, HTTP 422)\n  /kind: Field required."

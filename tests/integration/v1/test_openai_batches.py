"""Files and batches, by the official `openai` client: many requests in, results and errors by custom_id out."""

import asyncio
import json
import time
from typing import Any

import httpx
import openai
import pytest
from support.bodies import data_uri, picture
from support.platform import TENANTS, Platform
from support.sse import reading
from support.waiting import until

GROUP = "gpu0"
CHAT = "/v1/chat/completions"
RESPONSES = "/v1/responses"
ENDED = ("completed", "failed", "expired", "cancelled")


def line(name: str, text: str = "Say hello.", *, url: str = CHAT, **more: Any) -> str:
    body: dict[str, Any] = {"model": "default", **more}
    if url == CHAT:
        body.setdefault("messages", [{"role": "user", "content": text}])
    else:
        body.setdefault("input", text)
    return json.dumps({"custom_id": name, "method": "POST", "url": url, "body": body})


def begun(client: openai.OpenAI, lines: list[str], *, url: str = CHAT, **more: Any) -> Any:
    file = client.files.create(purpose="batch", file=("requests.jsonl", "\n".join(lines).encode()))
    window = more.pop("completion_window", "24h")
    return client.batches.create(input_file_id=file.id, endpoint=url, completion_window=window, **more)  # type: ignore[arg-type]


def ended(client: openai.OpenAI, batch: Any, *, within_s: float = 120.0) -> Any:
    until(lambda: client.batches.retrieve(batch.id).status in ENDED, what="the batch ends", within_s=within_s)
    return client.batches.retrieve(batch.id)


def lines_of(client: openai.OpenAI, file_id: str | None) -> dict[str | None, Any]:
    """The lines of results or errors by custom_id."""
    assert file_id is not None
    rows = [json.loads(text) for text in client.files.content(file_id).text.splitlines()]
    return {row["custom_id"]: row for row in rows}


def test_a_batch_answers_every_line_by_its_custom_id(platform: Platform, client: openai.OpenAI) -> None:
    lines = [line(f"r-{number}", f"Number {number}", max_tokens=32) for number in range(30)]
    batch = begun(client, [*lines[:10], "", *lines[10:]], metadata={"run": "1"})
    assert (batch.object, batch.status, batch.metadata) == ("batch", "validating", {"run": "1"})
    found = ended(client, batch)
    assert (found.status, found.errors, found.error_file_id) == ("completed", None, None)
    counts = found.request_counts
    assert (counts.total, counts.completed, counts.failed) == (30, 30, 0)
    results = lines_of(client, found.output_file_id)
    for number in range(30):
        row = results[f"r-{number}"]
        assert row["error"] is None
        assert row["response"]["status_code"] == 200
        body = row["response"]["body"]
        assert body["object"] == "chat.completion"
        assert f"Number {number} " in body["choices"][0]["message"]["content"]
        assert body["service_tier"] == "flex"
    job = platform.job(results["r-0"]["response"]["request_id"])
    assert (job["kind"], job["queue"], job["status"]) == ("chat", "ocr.default", "succeeded")
    file = client.files.retrieve(found.output_file_id)
    assert (file.purpose, file.bytes) == ("batch_output", len(client.files.content(file.id).content))
    assert batch.id in [one.id for one in client.batches.list(limit=1)]


def test_a_bad_line_ends_in_the_errors_and_the_others_run(client: openai.OpenAI) -> None:
    many = {"role": "user", "content": "word " * 40_000}
    lines = [
        line("good"),
        "this is no JSON",
        line("unknown", temprature=1),
        line("good", "the same custom_id again"),
        json.dumps({"custom_id": "elsewhere", "method": "POST", "url": "/v1/embeddings", "body": {}}),
        line("no-model", model="gpt-4o"),
        line("too-long", messages=[many]),
        line("streams", stream=True),
        json.dumps({"method": "POST", "url": CHAT, "body": {}}),
        line("also-good"),
    ]
    found = ended(client, begun(client, lines))
    assert found.status == "completed"
    counts = found.request_counts
    assert (counts.total, counts.completed, counts.failed) == (10, 2, 8)
    assert set(lines_of(client, found.output_file_id)) == {"good", "also-good"}
    rows = [json.loads(text) for text in client.files.content(found.error_file_id or "").text.splitlines()]
    by_line = {row["line"]: row for row in rows}
    assert by_line[2]["error"]["code"] == "invalid_json_line"
    assert by_line[4]["error"]["code"] == "duplicate_custom_id"
    refusals = {
        3: ("temprature", "unknown_field", 400),
        5: ("url", "invalid_input", 400),
        6: ("model", "model_not_found", 404),
        8: ("body.stream", "invalid_input", 400),
        9: ("custom_id", "invalid_input", 400),
    }
    for number, (param, code, status) in refusals.items():
        error = by_line[number]["response"]["body"]["error"]
        assert (error["param"], error["code"]) == (param, code)
        assert by_line[number]["response"]["status_code"] == status
    ran = by_line[7]["response"]
    assert (ran["status_code"], ran["body"]["error"]["code"]) == (400, "context_too_long")
    assert ran["request_id"].startswith("job_")


def test_responses_and_images_run_in_batches_too(client: openai.OpenAI) -> None:
    first = client.responses.create(model="default", input="My name is Ada.")
    file = client.files.create(purpose="vision", file=("a.png", picture(501)))
    parts = [{"type": "input_image", "file_id": file.id}, {"type": "input_text", "text": "What is this?"}]
    lines = [
        line("said", url=RESPONSES, previous_response_id=first.id, instructions="Be brief."),
        line("seen", url=RESPONSES, input=[{"role": "user", "content": parts}], service_tier="default"),
    ]
    found = ended(client, begun(client, lines, url=RESPONSES))
    results = lines_of(client, found.output_file_id)
    said, seen = (results[name]["response"]["body"] for name in ("said", "seen"))
    assert (said["object"], said["previous_response_id"]) == ("response", first.id)
    assert said["instructions"] == "Be brief."
    assert "48 by 48" in seen["output"][0]["content"][0]["text"]
    assert (said["service_tier"], seen["service_tier"]) == ("flex", "default")
    assert client.responses.retrieve(seen["id"]).to_dict() == seen
    follows = client.responses.create(model="default", input="And?", previous_response_id=said["id"])
    assert follows.output_text


def test_results_are_read_while_the_batch_runs(platform: Platform, client: openai.OpenAI) -> None:
    platform.twin(GROUP).faults(delay_s=3.0)
    lines = [line(f"r-{number}", f"Number {number}") for number in range(24)]
    batch = begun(client, lines)
    until(
        lambda: 0 < (client.batches.retrieve(batch.id).request_counts or batch).completed < 24,
        what="some have ended, others not",
    )
    now = client.batches.retrieve(batch.id)
    assert now.status == "in_progress"
    early = client.files.content(now.output_file_id or "").content
    assert early.endswith(b"\n")
    platform.twin(GROUP).heal()
    late = client.files.content(ended(client, batch).output_file_id or "").content
    assert late.startswith(early)
    known = early.count(b"\n")
    rest = client.files.content(now.output_file_id or "", extra_query={"skip": known}).content
    assert early + rest == late


def native(platform: Platform, tenant: str) -> httpx.Client:
    headers = {"Authorization": f"Bearer {platform.keys[tenant]}"}
    return httpx.Client(base_url=platform.url, headers=headers, timeout=60.0)


@pytest.mark.parametrize("restart", [False, True])
def test_a_batch_tells_its_progress_and_can_be_resumed(
    platform: Platform, client: openai.OpenAI, restart: bool
) -> None:
    platform.pause("ocr")
    batch = begun(client, [line(f"r-{number}") for number in range(12)] + ["no JSON"])
    with native(platform, TENANTS[0]) as http:
        with reading(http, batch.id) as stream:
            before = stream.until("batch.progress")
            while before[-1].data["request_counts"]["failed"] == 0:  # the line that is none
                before += stream.until("batch.progress")
        assert before[-1].data["status"] == "in_progress"
        if restart:
            platform.children["web"].stop(120.0)
            platform.start_web()
            until(platform.web_answers, what="the web server is back")
        with reading(http, batch.id, after=before[-1].id) as stream:
            platform.resume("ocr")
            events = [*before, *stream]
        last = events[-1]
        assert last.type == "batch.completed"
        assert {event.type for event in events[:-1]} == {"batch.progress"}
        assert last.data == http.get(f"/v1/batches/{batch.id}").json()
        assert last.data["request_counts"] == {"total": 13, "completed": 12, "failed": 1}
        numbers = [event.id for event in events]
        assert numbers == sorted(set(numbers))
        ended = [event.data["request_counts"]["completed"] for event in events]
        assert ended == sorted(ended)
        with reading(http, batch.id, after=events[-2].id) as stream:
            assert list(stream) == [last]
        path = f"/api/v1/batches/{batch.id}/events"
        assert http.get(path, headers={"Last-Event-ID": str(last.id)}).status_code == 204
        assert http.get(path, params={"starting_after": last.id + 1}).status_code == 422
    with native(platform, TENANTS[1]) as other:
        assert other.get(path).status_code == 404


def test_a_batch_is_cancelled_and_what_is_done_is_kept(platform: Platform, client: openai.OpenAI) -> None:
    done = ended(client, begun(client, [line("one")]))
    with pytest.raises(openai.ConflictError):
        client.batches.cancel(done.id)
    platform.twin(GROUP).faults(delay_s=0.5)
    batch = begun(client, [line(f"r-{number}", f"Number {number}") for number in range(300)])
    until(
        lambda: (client.batches.retrieve(batch.id).request_counts or batch).completed > 0,
        what="the first ones have ended",
    )
    assert client.batches.cancel(batch.id).status in ("cancelling", "cancelled")
    found = ended(client, batch)
    assert found.status == "cancelled"
    assert client.batches.cancel(batch.id).status == "cancelled"
    counts = found.request_counts
    assert counts.total == 300
    assert counts.completed + counts.failed == 300
    assert 0 < counts.completed < 300
    results, errors = lines_of(client, found.output_file_id), lines_of(client, found.error_file_id)
    assert len(results) == counts.completed
    assert {row["error"]["code"] for row in errors.values()} == {"batch_cancelled"}
    assert not set(results) & set(errors)
    assert platform.active() == 0


def test_what_has_not_run_when_the_window_closes_does_not_run(
    platform: Platform, client: openai.OpenAI
) -> None:
    platform.pause("ocr")
    try:
        batch = begun(client, [line(f"r-{number}") for number in range(3)], completion_window="2s")
        found = ended(client, batch)
    finally:
        platform.resume("ocr")
    assert found.status == "expired"
    errors = lines_of(client, found.error_file_id)
    assert {row["error"]["code"] for row in errors.values()} == {"batch_expired"}
    assert len(errors) == 3


def test_a_full_quota_makes_a_batch_wait_and_not_fail(platform: Platform, client: openai.OpenAI) -> None:
    platform.python(
        "import django; django.setup()\n"
        "from sightline.tenants.models import Tenant\n"
        f"Tenant.objects.filter(name={TENANTS[2]!r}).update(max_queued=5)"
    )
    key = platform.keys[TENANTS[2]]
    with openai.OpenAI(base_url=f"{platform.url}/v1", api_key=key, max_retries=0) as small:
        batch = begun(small, [line(f"r-{number}", f"Number {number}") for number in range(40)])
        found = ended(small, batch)
        assert (found.status, found.request_counts.completed) == ("completed", 40)
        assert len(lines_of(small, found.output_file_id)) == 40


@pytest.mark.parametrize(
    ("content", "code"), [(b"\n\n", "empty_file"), (b"\n" * 3 + b"{}\n" * 50_001, "too_many_tasks")]
)
def test_a_file_without_requests_or_with_too_many_fails_the_batch(
    client: openai.OpenAI, content: bytes, code: str
) -> None:
    found = ended(client, begun(client, [content.decode()]))
    assert found.status == "failed"
    assert found.errors is not None
    assert [error.code for error in found.errors.data or ()] == [code]


@pytest.mark.parametrize(
    ("more", "param"),
    [
        ({"endpoint": "/v1/embeddings"}, "endpoint"),
        ({"completion_window": "soon"}, "completion_window"),
        ({"completion_window": "9999d"}, "completion_window"),
        ({"input_file_id": "file-nope"}, "input_file_id"),
        ({"when": "now"}, "when"),
    ],
)
def test_what_is_wrong_with_a_batch_is_named(client: openai.OpenAI, more: dict[str, Any], param: str) -> None:
    file = client.files.create(purpose="batch", file=("a.jsonl", line("one").encode()))
    body = {"input_file_id": file.id, "endpoint": CHAT, "completion_window": "24h", **more}
    with pytest.raises(openai.BadRequestError) as error:
        client.post("/batches", body=body, cast_to=object)
    assert error.value.param == param
    image = client.files.create(purpose="user_data", file=("a.png", picture(7)))
    with pytest.raises(openai.BadRequestError):
        client.batches.create(input_file_id=image.id, endpoint=CHAT, completion_window="24h")


def test_the_same_request_under_one_key_is_one_batch(client: openai.OpenAI) -> None:
    file = client.files.create(purpose="batch", file=("a.jsonl", line("one").encode()))
    asked: dict[str, Any] = {"input_file_id": file.id, "endpoint": CHAT, "completion_window": "24h"}
    header = {"Idempotency-Key": "batch-1"}
    first = client.batches.create(**asked, extra_headers=header)
    assert client.batches.create(**asked, extra_headers=header).id == first.id
    with pytest.raises(openai.BadRequestError) as error:
        client.batches.create(**{**asked, "completion_window": "1h"}, extra_headers=header)
    assert error.value.code == "idempotency_mismatch"
    ended(client, first)


def test_files_are_kept_listed_read_and_deleted(platform: Platform, client: openai.OpenAI) -> None:
    text = line("one").encode()
    file = client.files.create(
        purpose="batch",
        file=("../a b.jsonl", text),
        expires_after={"anchor": "created_at", "seconds": 7200},
    )
    assert (file.filename, file.bytes, file.purpose) == ("a b.jsonl", len(text), "batch")
    assert file.expires_at == file.created_at + 7200
    assert client.files.retrieve(file.id) == file
    assert client.files.content(file.id).content == text
    image = client.files.create(purpose="vision", file=("a.png", picture(11)))
    assert client.files.content(image.id).content == picture(11)
    listed = [one.id for one in client.files.list(limit=1)]  # page after page
    assert listed[:2] == [image.id, file.id]
    assert image.id not in [one.id for one in client.files.list(purpose="batch")]
    assert client.files.list(order="asc", limit=1, after=file.id).data == [image]
    assert client.files.delete(file.id).deleted
    for gone in (lambda: client.files.retrieve(file.id), lambda: client.files.content(file.id)):
        with pytest.raises(openai.NotFoundError):
            gone()
    kept = {path.name for path in (platform.home / "files").rglob("*") if path.is_file()}
    assert len(kept) == len(platform.rows("SELECT name FROM batches_file WHERE name <> ''"))


@pytest.mark.parametrize(
    ("sent", "status", "param"),
    [
        ({"data": {"purpose": "fine-tune"}, "files": {"file": ("a", b"x")}}, 400, "purpose"),
        ({"data": {"purpose": "batch"}, "files": {"file": ("a", b"")}}, 400, "file"),
        ({"data": {"purpose": "batch"}, "files": {"other": ("a", b"x")}}, 400, "other"),
        ({"data": {"purpose": "batch", "more": "1"}, "files": {"file": ("a", b"x")}}, 400, "more"),
        ({"json": {"purpose": "batch"}}, 400, "file"),
        ({"data": {"purpose": "vision"}, "files": {"file": ("a", b"no image")}}, 415, None),
        (
            {
                "data": {
                    "purpose": "batch",
                    "expires_after[anchor]": "created_at",
                    "expires_after[seconds]": "5",
                },
                "files": {"file": ("a", b"x")},
            },
            400,
            "expires_after[seconds]",
        ),
    ],
)
def test_what_is_wrong_with_a_file_is_named(
    client: openai.OpenAI, sent: dict[str, Any], status: int, param: str | None
) -> None:
    headers = {"Authorization": f"Bearer {client.api_key}"}
    found = httpx.post(f"{client.base_url}files", headers=headers, timeout=30.0, **sent)
    assert found.status_code == status, found.text
    assert found.json()["error"]["param"] == param


def test_a_large_file_is_taken_from_those_who_may_send_one(platform: Platform, client: openai.OpenAI) -> None:
    large = (line("one") + "\n").encode() * 700_000
    assert len(large) > 64 * 2**20
    file = client.files.create(purpose="batch", file=("large.jsonl", large))
    assert file.bytes == len(large)
    with client.files.with_streaming_response.content(file.id) as content:
        assert sum(len(piece) for piece in content.iter_bytes()) == len(large)
    client.files.delete(file.id)

    def endless() -> Any:
        while True:
            yield b"x" * 65536

    for headers, status in (
        ({}, 401),
        ({"Authorization": "Bearer sl_no"}, 401),
    ):
        # Answered before the body has come: what is sent never ends.
        with httpx.Client(timeout=30.0) as http:
            try:
                found = http.post(f"{platform.url}/v1/files", headers=headers, content=endless())
            except httpx.WriteError:
                continue  # the answer came, and the connection was closed, while the client still wrote
            assert found.status_code == status


def test_an_uploaded_image_is_named_by_its_file(client: openai.OpenAI) -> None:
    file = client.files.create(purpose="user_data", file=("a.png", picture(77)))
    named: list[dict[str, Any]] = [
        {"type": "file", "file": {"file_id": file.id}},
        {"type": "image_url", "image_url": {"file_id": file.id, "detail": "high"}},
        {"type": "image_url", "image_url": {"url": data_uri(picture(77))}},
    ]
    said = set()
    for part in named:
        messages: list[Any] = [{"role": "user", "content": [part, {"type": "text", "text": "What is this?"}]}]
        found = client.chat.completions.create(model="default", messages=messages)
        said.add(found.choices[0].message.content)
    assert len(said) == 1
    for bad in ("file-nope", client.files.create(purpose="batch", file=("a", b"x")).id):
        parts: list[Any] = [{"type": "file", "file": {"file_id": bad}}]
        with pytest.raises(openai.APIStatusError) as error:
            client.chat.completions.create(model="default", messages=[{"role": "user", "content": parts}])
        assert error.value.param == "messages[0].content[0].file.file_id"  # type: ignore[attr-defined]


def test_nobody_sees_the_files_and_batches_of_another_tenant(
    client: openai.OpenAI, stranger: openai.OpenAI
) -> None:
    file = client.files.create(purpose="batch", file=("a.jsonl", line("one").encode()))
    image = client.files.create(purpose="vision", file=("a.png", picture(3)))
    batch = ended(
        client,
        client.batches.create(input_file_id=file.id, endpoint=CHAT, completion_window="24h"),
    )
    for look in (
        lambda: stranger.files.retrieve(file.id),
        lambda: stranger.files.content(file.id),
        lambda: stranger.files.content(batch.output_file_id),
        lambda: stranger.files.delete(file.id),
        lambda: stranger.batches.retrieve(batch.id),
        lambda: stranger.batches.cancel(batch.id),
    ):
        with pytest.raises(openai.NotFoundError):
            look()
    with pytest.raises(openai.BadRequestError):
        stranger.batches.create(input_file_id=file.id, endpoint=CHAT, completion_window="24h")
    parts: list[Any] = [{"type": "file", "file": {"file_id": image.id}}]
    with pytest.raises(openai.BadRequestError):
        stranger.chat.completions.create(model="default", messages=[{"role": "user", "content": parts}])
    assert file.id not in [one.id for one in stranger.files.list()]
    assert batch.id not in [one.id for one in stranger.batches.list()]


def test_the_async_client_drives_a_batch(platform: Platform) -> None:
    async def run() -> list[str]:
        key = platform.keys[TENANTS[1]]
        async with openai.AsyncOpenAI(base_url=f"{platform.url}/v1", api_key=key) as client:
            file = await client.files.create(purpose="batch", file=("a.jsonl", line("one").encode()))
            batch = await client.batches.create(input_file_id=file.id, endpoint=CHAT, completion_window="24h")
            end = time.monotonic() + 120
            while batch.status not in ENDED and time.monotonic() < end:
                await asyncio.sleep(0.1)
                batch = await client.batches.retrieve(batch.id)
            content = await client.files.content(batch.output_file_id or "")
            return content.text.splitlines()

    (row,) = asyncio.run(run())
    assert json.loads(row)["custom_id"] == "one"

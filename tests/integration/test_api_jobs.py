"""The native API over Django's test client: every operation, its codes and its headers."""

import base64
import io
import json
import threading
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.db import OperationalError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from jsonschema import Draft202012Validator
from PIL import Image

from sightline import ids
from sightline.api import openapi
from sightline.fleet.models import EngineState, Group, Intake
from sightline.jobs import eta
from sightline.jobs.claims import Claimant, Failure, Result
from sightline.jobs.models import IdempotencyKey, Job
from sightline.jobs.services.claim import claim
from sightline.jobs.services.fail import fail
from sightline.jobs.services.finish import finish
from sightline.jobs.status import AttemptOutcome
from sightline.media.models import BlockedMedia, Media
from sightline.tenants import keys
from sightline.tenants.models import Tenant

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("redis_url")]

JOBS = "/api/v1/jobs"
CHAT = {"kind": "chat", "input": {"prompt": "hello"}}


class Api:
    """One key of one tenant."""

    def __init__(self, tenant: str = "t", **rights: Any) -> None:
        self.key, text = keys.create(tenant=tenant, name="k", **rights)
        self.headers = {"authorization": f"Bearer {text}"}
        self.client = Client(headers=self.headers, raise_request_exception=False)

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        return self.client.post(path, json.dumps(body), content_type="application/json", headers=headers)

    def submit(self, **change: Any) -> dict[str, Any]:
        answer = self.post(JOBS, {**CHAT, **change})
        assert answer.status_code == 202, answer.content
        found: dict[str, Any] = answer.json()
        return found


@pytest.fixture(autouse=True)
def _measured_anew() -> None:
    eta.forget()


@pytest.fixture
def api() -> Api:
    return Api(scopes=("submit", "read", "admin"))


def png(colour: str = "white", size: tuple[int, int] = (64, 48)) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, "PNG")
    return buffer.getvalue()


def data_uri(data: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(data).decode()


def file(data: bytes, name: str = "a.png") -> io.BytesIO:
    handle = io.BytesIO(data)
    handle.name = name
    return handle


def claimed(queue: str = "chat.default") -> Any:
    return claim(queue=queue, claimant=Claimant(worker="w#1", group="", engine="e"))


def finished(queue: str = "chat.default") -> None:
    usage = {"input_tokens": 1, "image_tokens": 0, "output_tokens": 2}
    result = Result(
        output={"text": "x"}, complete=True, finish_reason="stop", usage=usage, timings={"total": 5.0}
    )
    assert finish(claim=claimed(queue), result=result)


def fits(schema: str, value: Any) -> None:
    components = json.loads(json.dumps(openapi.document()["components"]))
    Draft202012Validator({"$ref": f"#/components/schemas/{schema}", "components": components}).validate(value)


def problem(answer: Any, status: int, code: str) -> dict[str, Any]:
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.content
    assert answer["Content-Type"] == "application/problem+json"
    fits("ProblemView", answer.json())
    found: dict[str, Any] = answer.json()
    return found


# --- submit -------------------------------------------------------------------------------------------------------
def test_a_job_is_accepted_and_kept(api: Api) -> None:
    answer = api.post(JOBS, {**CHAT, "tags": ["nightly"], "metadata": {"case": "4711"}, "deadline_ms": 60000})
    assert answer.status_code == 202
    job = answer.json()
    fits("JobAccepted", job)
    assert answer["Location"] == f"{JOBS}/{job['id']}" == job["links"]["self"]
    assert answer["Retry-After"] == "1"
    assert job["queue"] == {"position": 1, "eta_ms": None}
    assert job["expires_at"] > job["created_at"]
    read = api.client.get(f"{JOBS}/{job['id']}").json()
    fits("JobView", read)
    assert read["metadata"] == {"case": "4711"}


def test_one_line_of_curl_is_enough(api: Api) -> None:
    answer = api.client.post(JOBS, {"kind": "ocr", "image": [file(png()), file(png("red"))], "tags": "a"})
    assert answer.status_code == 202, answer.content
    row = Job.objects.get()
    assert [image["media"]["width"] for image in row.input["images"]] == [64, 64]
    assert len(row.images) == 2
    assert row.tags == ["a"]


def test_an_image_comes_as_data_or_as_an_upload(api: Api) -> None:
    upload = api.client.post("/api/v1/uploads", png(), content_type="image/png")
    assert upload.status_code == 201
    fits("Upload", upload.json())
    again = api.client.post("/api/v1/uploads", {"image": file(png())})
    assert again.json()["id"] == upload.json()["id"]
    images = [{"upload_id": upload.json()["id"]}, {"data": data_uri(png("blue"))}]
    answer = api.post(JOBS, {"kind": "ocr", "input": {"images": images}})
    assert answer.status_code == 202, answer.content
    assert Media.objects.count() == 2
    picture = api.client.get(f"{JOBS}/{answer.json()['id']}/media/1")
    assert picture["Content-Type"] == "image/png"
    assert picture.content == png("blue")
    problem(api.client.get(f"{JOBS}/{answer.json()['id']}/media/2"), 404, "not_found")


@pytest.mark.parametrize(
    ("image", "status", "code", "pointer"),
    [
        ({"url": "http://10.0.0.1/a.png"}, 422, "invalid_input", "/input/images/0/url"),
        ({"upload_id": "up_01JABCDEFGHJKMNPQRSTVWXYZ0"}, 422, "invalid_input", "/input/images/0/upload_id"),
        ({"upload_id": "file-0"}, 422, "invalid_input", "/input/images/0/upload_id"),
        ({"data": "data:image/png;base64,AAAA"}, 415, "unsupported_media", "/input/images/0/data"),
        ({"data": data_uri(png()[:60])}, 422, "invalid_input", "/input/images/0/data"),
        ({"data": data_uri(png(size=(2, 2000)))}, 422, "invalid_input", "/input/images/0/data"),
        ({}, 422, "invalid_input", "/input/images/0"),
    ],
)
def test_images_that_cannot_be_used_are_pointed_at(
    api: Api, image: dict[str, str], status: int, code: str, pointer: str
) -> None:
    answer = api.post(JOBS, {"kind": "ocr", "input": {"images": [image]}})
    assert problem(answer, status, code)["errors"][0]["pointer"] == pointer
    assert not Job.objects.exists()


def test_an_image_beyond_the_limits_is_too_large(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "MAX_IMAGE_PIXELS", 2000)
    problem(api.client.post("/api/v1/uploads", png(), content_type="image/png"), 413, "media_too_large")


def test_uploads_of_other_things_are_unsupported(api: Api) -> None:
    problem(
        api.client.post("/api/v1/uploads", b"<svg/>", content_type="image/svg+xml"), 415, "unsupported_media"
    )
    problem(
        api.client.post("/api/v1/uploads", b"{}", content_type="application/json"), 415, "unsupported_media"
    )
    problem(api.client.post("/api/v1/uploads", b"", content_type="image/png"), 422, "invalid_input")


def test_quarantined_media_are_refused(api: Api) -> None:
    api.client.post("/api/v1/uploads", png(), content_type="image/png")
    BlockedMedia.objects.create(pixel_sha256=Media.objects.get().pixel_sha256, reason="x", job="job")
    problem(
        api.post(JOBS, {"kind": "ocr", "input": {"images": [{"data": data_uri(png())}]}}),
        422,
        "poisoned_input",
    )


def test_an_unknown_model_names_the_tags(api: Api) -> None:
    found = problem(api.post(JOBS, {**CHAT, "model": "nope"}), 422, "invalid_input")
    assert found["errors"] == [{"pointer": "/model", "detail": "There are the model tags default."}]


def test_a_deadline_that_cannot_be_met_is_refused(api: Api) -> None:
    group = {"name": "g", "host": "h", "tag": "default", "state": EngineState.LIVE, "intake": Intake.OPEN}
    Group.objects.create(id="g@h", seats={"chat": 1}, **group)
    api.submit()
    finished()
    slow = timezone.now() - timedelta(seconds=30)
    Job.objects.update(claimed_at=slow)
    eta.forget()
    problem(api.post(JOBS, {**CHAT, "deadline_ms": 100}), 422, "deadline_unreachable")
    accepted = api.submit(deadline_ms=120_000)
    low, high = accepted["queue"]["eta_ms"]
    assert 25_000 < low <= high


# --- idempotency --------------------------------------------------------------------------------------------------
def test_the_same_key_and_body_get_the_first_answer(api: Api) -> None:
    first = api.post(JOBS, CHAT, idempotency_key="k1")
    second = api.post(JOBS, CHAT, idempotency_key="k1")
    assert second.status_code == first.status_code == 202
    assert second.json() == first.json()
    assert second["Idempotent-Replayed"] == "true"
    assert second["Location"] == first["Location"]
    assert Job.objects.count() == 1
    problem(api.post(JOBS, {**CHAT, "tags": ["x"]}, idempotency_key="k1"), 422, "idempotency_mismatch")
    assert Api("other").post(JOBS, CHAT, idempotency_key="k1").status_code == 202


def test_a_repeated_form_stores_nothing_new(api: Api) -> None:
    fields = {"kind": "ocr"}
    first = api.client.post(JOBS, {**fields, "image": file(png())}, headers={"idempotency-key": "k"})
    Media.objects.all().delete()
    second = api.client.post(JOBS, {**fields, "image": file(png())}, headers={"idempotency-key": "k"})
    assert second.json() == first.json()
    assert not Media.objects.exists()
    other = api.client.post(JOBS, {**fields, "image": file(png("red"))}, headers={"idempotency-key": "k"})
    problem(other, 422, "idempotency_mismatch")


def test_fifty_at_once_under_one_key_are_one_job(api: Api) -> None:
    found: list[tuple[int, str]] = []

    def send() -> None:
        answer = api.post(JOBS, CHAT, idempotency_key="k")
        found.append((answer.status_code, answer.json().get("id", "")))
        connection.close()

    threads = [threading.Thread(target=send) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Job.objects.count() == 1
    assert IdempotencyKey.objects.count() == 1
    assert {status for status, _ in found} <= {202, 409, 503}
    assert len({job for status, job in found if status == 202}) == 1


@pytest.mark.parametrize("key", ["", "x" * 256, "é"])
def test_a_key_that_is_none_is_refused(api: Api, key: str) -> None:
    problem(api.post(JOBS, CHAT, idempotency_key=key), 422, "invalid_input")


# --- keys and tenants ---------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer nope", "Basic x", "Bearer " + "x" * 500, "Bearer \xe9"]
)
def test_without_a_key_nothing_is_served(header: str) -> None:
    headers = {"authorization": header} if header else {}
    for path in (JOBS, f"{JOBS}/job_01J", "/api/v1/queues/ocr", "/metrics"):
        answer = Client(headers=headers).get(path)
        problem(answer, 401, "not_authenticated")
        assert answer["WWW-Authenticate"].startswith("Bearer")


def test_expired_and_revoked_keys_are_refused(api: Api) -> None:
    problem(Api(expires_at=timezone.now() - timedelta(seconds=1)).client.get(JOBS), 401, "not_authenticated")
    keys.revoke(key=api.key)
    problem(api.client.get(JOBS), 401, "not_authenticated")


def test_keys_do_what_their_scopes_and_kinds_say(api: Api) -> None:
    problem(Api(scopes=("read",)).post(JOBS, CHAT), 403, "scope_missing")
    problem(Api(scopes=("submit",)).client.get(JOBS), 403, "scope_missing")
    problem(Api(kinds=("ocr",)).post(JOBS, CHAT), 403, "kind_forbidden")
    plain = Api().client
    problem(plain.patch("/api/v1/queues/ocr", "{}", content_type="application/json"), 403, "scope_missing")


def test_another_tenants_job_is_not_there(api: Api) -> None:
    job = api.submit()["id"]
    other = Api("other", scopes=("submit", "read", "admin"))
    for method, path in [
        ("get", ""),
        ("delete", ""),
        ("post", "/cancel"),
        ("post", "/retry"),
        ("get", "/explain"),
        ("get", "/media/0"),
    ]:
        problem(getattr(other.client, method)(f"{JOBS}/{job}{path}"), 404, "not_found")
    assert other.client.get(JOBS).json()["data"] == []
    upload = api.client.post("/api/v1/uploads", png(), content_type="image/png").json()["id"]
    answer = other.post(JOBS, {"kind": "ocr", "input": {"images": [{"upload_id": upload}]}})
    problem(answer, 422, "invalid_input")


# --- read ---------------------------------------------------------------------------------------------------------
def test_an_ended_job_shows_what_came_out(api: Api) -> None:
    job = api.submit()["id"]
    finished()
    read = api.client.get(f"{JOBS}/{job}").json()
    fits("JobView", read)
    assert read["status"] == "succeeded"
    assert read["output"] == {"text": "x"}
    assert read["attempts"][0]["outcome"] == "succeeded"
    assert read["usage"]["output_tokens"] == 2


def test_an_etag_saves_the_second_answer(api: Api) -> None:
    job = api.submit()["id"]
    first = api.client.get(f"{JOBS}/{job}")
    again = api.client.get(f"{JOBS}/{job}", headers={"if-none-match": f'W/"x", W/{first["ETag"]}'})
    assert again.status_code == 304
    assert again.content == b""
    finished()
    assert api.client.get(f"{JOBS}/{job}", headers={"if-none-match": first["ETag"]}).status_code == 200


@pytest.mark.parametrize("wait", ["x", "-1", "nan", "1e3", ""])
def test_a_wait_that_is_no_number_is_refused(api: Api, wait: str) -> None:
    problem(api.client.get(f"{JOBS}/{api.submit()['id']}?wait={wait}"), 422, "invalid_input")


def test_pages_hold_while_jobs_are_added(api: Api) -> None:
    made = [api.submit(tags=["a"] if n % 2 else [])["id"] for n in range(7)]
    first = api.client.get(f"{JOBS}?limit=3").json()
    fits("JobList", first)
    api.submit()
    second = api.client.get(f"{JOBS}?limit=3&cursor={first['next_cursor']}").json()
    third = api.client.get(f"{JOBS}?limit=3&cursor={second['next_cursor']}").json()
    assert [job["id"] for page in (first, second, third) for job in page["data"]] == made[::-1]
    assert (third["has_more"], third["next_cursor"]) == (False, None)


def test_filters_narrow_the_list(api: Api) -> None:
    chat = api.submit(tags=["a", "b"])
    ocr = api.post(JOBS, {"kind": "ocr", "input": {"images": [{"data": data_uri(png())}]}}).json()
    finished()

    def listed(query: str) -> list[str]:
        answer = api.client.get(f"{JOBS}?{query}")
        assert answer.status_code == 200, answer.content
        return [job["id"] for job in answer.json()["data"]]

    assert listed("kind=ocr") == [ocr["id"]]
    assert listed("tag=b") == [chat["id"]]
    assert listed("tag=c") == []
    assert listed("status=succeeded") == [chat["id"]]
    assert listed("status=queued,succeeded") == [ocr["id"], chat["id"]]
    assert listed("model=default&kind=chat") == [chat["id"]]
    assert listed(f"created_after={chat['created_at']}") in ([ocr["id"]], [ocr["id"], chat["id"]])
    assert listed("created_after=2999-01-01") == []
    assert listed("created_before=2999-01-01T00:00:00Z") == [ocr["id"], chat["id"]]
    problem(api.client.get(f"{JOBS}?session=x"), 422, "unknown_field")


# --- act ----------------------------------------------------------------------------------------------------------
def test_cancelling_answers_by_what_it_found(api: Api) -> None:
    waiting = api.submit()["id"]
    answer = api.post(f"{JOBS}/{waiting}/cancel")
    assert (answer.status_code, answer.json()["status"]) == (200, "cancelled")
    running = api.submit()["id"]
    assert claimed() is not None
    assert api.post(f"{JOBS}/{running}/cancel").status_code == 202
    again = api.post(f"{JOBS}/{running}/cancel")
    assert again.status_code == 200
    fits("JobView", again.json())


def test_retrying_needs_an_ended_job(api: Api) -> None:
    job = api.submit()["id"]
    problem(api.post(f"{JOBS}/{job}/retry"), 409, "conflict")
    fail(claim=claimed(), failure=Failure(outcome=AttemptOutcome.PERMANENT, code="x", message="no"))
    answer = api.post(f"{JOBS}/{job}/retry")
    assert (answer.status_code, answer.json()["status"]) == (202, "queued")


def test_erasing_leaves_a_tombstone(api: Api) -> None:
    job = api.submit(tags=["a"])["id"]
    problem(api.client.delete(f"{JOBS}/{job}"), 409, "conflict")
    finished()
    assert api.client.delete(f"{JOBS}/{job}").status_code == 204
    assert api.client.delete(f"{JOBS}/{job}").status_code == 204
    for path in ("", "?wait=5", "/explain", "/media/0"):
        problem(api.client.get(f"{JOBS}/{job}{path}"), 410, "output_expired")
    problem(api.post(f"{JOBS}/{job}/retry"), 410, "output_expired")
    row = Job.objects.get()
    assert (row.input, row.output, row.status) == ({}, None, "succeeded")
    assert api.client.get(f"{JOBS}?tag=a").json()["data"] == []


def test_explain_names_what_blocks(api: Api) -> None:
    first, second = api.submit()["id"], api.submit()["id"]

    def cause(job: str) -> str:
        eta.forget()
        answer = api.client.get(f"{JOBS}/{job}/explain")
        fits("Explanation", answer.json())
        found: str = answer.json()["blocking"]["cause"]
        return found

    assert cause(second) == "no_group"
    group = Group.objects.create(
        id="g@h", name="g", host="h", tag="default", seats={"chat": 1}, state=EngineState.STARTING
    )
    assert cause(second) == "engine_not_live"
    Group.objects.update(state=EngineState.LIVE, intake=Intake.OPEN)
    assert cause(second) == "jobs_ahead"
    assert cause(first) == "none"
    api.client.patch("/api/v1/queues/chat", '{"paused": true}', content_type="application/json")
    assert cause(first) == "queue_paused"
    api.client.patch("/api/v1/queues/chat", '{"paused": false}', content_type="application/json")
    running = claimed()
    assert cause(second) == "seats_busy"
    fail(claim=running, failure=Failure(outcome=AttemptOutcome.TRANSIENT, code="x", message="no"))
    assert cause(first) == "backoff"
    Group.objects.filter(pk=group.pk).update(drained_at=timezone.now(), intake=Intake.CLOSED)
    assert cause(second) == "drained"


def test_a_queue_shows_what_waits_and_can_be_paused(api: Api) -> None:
    api.submit()
    read = api.client.get("/api/v1/queues/chat").json()
    fits("QueueState", read)
    assert (read["depth"], read["paused"]) == (1, False)
    paused = api.client.patch(
        "/api/v1/queues/chat", '{"paused": true}', content_type="application/json"
    ).json()
    assert paused["paused"] is True
    assert claimed() is None
    assert api.submit()["status"] == "queued"
    problem(api.client.get("/api/v1/queues/nope"), 404, "not_found")
    problem(
        api.client.patch("/api/v1/queues/chat", '{"pause": 1}', content_type="application/json"),
        422,
        "invalid_input",
    )


# --- limits -------------------------------------------------------------------------------------------------------
def test_a_full_queue_and_a_spent_quota_are_refused(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    Tenant.objects.update(max_queued=2)
    api.submit()
    api.submit()
    answer = api.post(JOBS, CHAT)
    assert problem(answer, 429, "quota_exceeded")["retryable"] is True
    assert int(answer["Retry-After"]) >= 1
    assert Api("other").submit()
    monkeypatch.setattr(settings, "QUEUE_LIMIT", 3)
    problem(Api("third").post(JOBS, CHAT), 429, "queue_full")


def test_a_place_that_became_free_is_given_at_once_or_soon(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    from sightline.jobs import admission

    monkeypatch.setattr(admission, "_OLD_MS", -1)  # every count is old enough to be made anew
    Tenant.objects.update(max_queued=1)
    api.submit()
    problem(api.post(JOBS, CHAT), 429, "quota_exceeded")
    finished()
    assert api.submit()


def test_limits_hold_without_redis(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    from sightline import redis_client
    from sightline.jobs import admission

    def away(use: Any) -> Any:
        raise redis_client.RedisAway("gone")

    monkeypatch.setattr(admission, "call", away)
    Tenant.objects.update(max_queued=1)
    api.submit()
    problem(api.post(JOBS, CHAT), 429, "quota_exceeded")


def test_a_refused_image_gives_the_place_back(api: Api) -> None:
    Tenant.objects.update(max_queued=1)
    for _ in range(3):
        bad = {"kind": "ocr", "input": {"images": [{"data": "data:image/png;base64,AAAA"}]}}
        problem(api.post(JOBS, bad), 415, "unsupported_media")
    good = {"kind": "ocr", "input": {"images": [{"data": data_uri(png())}]}}
    assert api.post(JOBS, good).status_code == 202


# --- trouble ------------------------------------------------------------------------------------------------------
def test_a_locked_database_is_unavailable(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def locked(**_: Any) -> None:
        raise OperationalError("database is locked")

    monkeypatch.setattr("sightline.api.native.intake.submit", locked)
    answer = api.post(JOBS, CHAT)
    assert problem(answer, 503, "unavailable")["retryable"] is True
    assert answer["Retry-After"] == "1"


def test_the_unforeseen_is_a_problem_with_a_trace(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(**_: Any) -> None:
        raise ValueError("secret detail")

    monkeypatch.setattr("sightline.api.native.intake.submit", broken)
    found = problem(api.post(JOBS, CHAT), 500, "internal_error")
    assert "secret" not in json.dumps(found)


def test_a_submission_costs_few_statements(api: Api) -> None:
    upload = api.client.post("/api/v1/uploads", png(), content_type="image/png").json()["id"]
    body = {"kind": "ocr", "input": {"images": [{"upload_id": upload}]}}
    api.post(JOBS, body)  # measures the fleet, touches the key
    with CaptureQueriesContext(
        connection,
    ) as captured:
        assert api.post(JOBS, body).status_code == 202
    statements = [query["sql"] for query in captured.captured_queries]
    # The key; the upload and whether it is blocked; BEGIN, turn, job, event, COMMIT; the place in the queue.
    assert len(statements) <= 9, "\n".join(statements)


# --- operations ---------------------------------------------------------------------------------------------------
def test_health_needs_nothing_and_readiness_the_database(api: Api) -> None:
    assert Client().get("/healthz").json() == {"status": "ok"}
    Group.objects.create(
        id="g@h", name="g", host="h", tag="default", seats={"chat": 1}, state=EngineState.LIVE
    )
    found = Client().get("/readyz").json()
    assert (found["status"], found["broker"], found["engines_live"]) == ("ready", "ok", 1)


def test_metrics_are_for_the_token_and_for_admins(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    from sightline.telemetry import metrics

    api.submit()
    metrics.observe_ended(kind="chat", tag="default", status="succeeded", queue_wait_s=0.2, run_s=1.5)
    metrics.count_attempt(outcome="succeeded", group="g@h")
    text = api.client.get("/metrics").content.decode()
    assert 'sightline_queue_depth{queue="chat.default"} 1.0' in text
    assert 'sightline_jobs_total{kind="chat",status="succeeded",tag="default"} 1.0' in text
    assert 'sightline_queue_wait_seconds_bucket{kind="chat",le="0.25",tag="default"} 1.0' in text
    assert 'sightline_run_seconds_sum{kind="chat",tag="default"} 1.5' in text
    problem(Api("plain").client.get("/metrics"), 403, "scope_missing")
    monkeypatch.setattr(settings, "METRICS_TOKEN", "hunter2")
    assert Client(headers={"authorization": "Bearer hunter2"}).get("/metrics").status_code == 200


def test_the_document_is_valid_and_every_path_answers(api: Api) -> None:
    from openapi_spec_validator import validate

    answer = Client().get("/api/v1/openapi.json")
    document = json.loads(answer.content)
    validate(document)
    assert document["openapi"] == "3.1.0"
    job = api.submit()["id"]
    for path, operations in document["paths"].items():
        for method in operations:
            here = path.format(
                public_id=job,
                index=0,
                kind="ocr",
                model="default",
                group_id="gpu0@host",
                completion_id="chatcmpl-" + job[4:],
            )
            status = getattr(api.client, method)(here).status_code
            declared = {int(code) for code in operations[method]["responses"]}
            assert status in declared, (method, here, status)


def test_the_page_of_the_document_names_no_other_host() -> None:
    page = Client().get("/api/v1/docs")
    assert page.status_code == 200
    assert b"http" not in page.content.replace(b"http-equiv", b"")
    assert "script-src 'self'" in page["Content-Security-Policy"]
    assert Client().get("/api/v1/docs.js").status_code == 200


def test_ids_that_are_none_are_not_found(api: Api) -> None:
    for name in ("x", "job_", "up_" + "0" * 26, "job_" + "U" * 26, ids.encode(ids.JOB, ids.new_id())):
        problem(api.client.get(f"{JOBS}/{name}"), 404, "not_found")

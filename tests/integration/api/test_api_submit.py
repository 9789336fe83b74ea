"""Submitting over the native API: what is accepted, and how what is not is refused."""

import threading
from datetime import timedelta

import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone
from support.api import CHAT, JOBS, Api, data_uri, file, finished, fits, png, problem

from sightline.fleet.models import EngineState, Group, Intake
from sightline.jobs import eta
from sightline.jobs.models import IdempotencyKey, Job
from sightline.media.models import BlockedMedia, Media

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("redis_url")]


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
    assert found["errors"] == [
        {"pointer": "/model", "detail": "There is no model tag 'nope'; there are default."}
    ]


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

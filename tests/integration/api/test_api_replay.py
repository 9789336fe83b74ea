"""Making a new job from an old one."""

from typing import Any

import pytest
from support.api import JOBS, Api, claimed, data_uri, file, finished, fits, png, problem

from sightline.audit.models import Entry
from sightline.jobs.models import Job, JobMedia
from sightline.media.models import Media

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("redis_url")]


def replayed(api: Api, job: str, body: Any = None, **headers: str) -> dict[str, Any]:
    answer = api.post(f"{JOBS}/{job}/replay", body or {}, **headers)
    assert answer.status_code == 202, answer.content
    fits("JobAccepted", answer.json())
    found: dict[str, Any] = answer.json()
    return found


def test_a_replay_is_a_new_job_linked_to_the_old_one(api: Api) -> None:
    old = api.submit(
        tags=["a"], metadata={"case": 1}, params={"max_tokens": 9, "temperature": 0}, max_attempts=2
    )
    finished()
    new = replayed(api, old["id"])
    assert new["id"] != old["id"]
    assert (new["replay_of"], new["tags"], new["metadata"], new["max_attempts"]) == (
        old["id"],
        ["a"],
        {"case": 1},
        2,
    )
    shown = api.client.get(f"{JOBS}/{new['id']}").json()
    assert shown["params"] == {"max_tokens": 9, "temperature": 0}
    assert shown["served_from"] is None, "it runs, whatever the cache holds"
    assert claimed() is not None


def test_single_fields_of_the_input_and_parameters_are_replaced(api: Api) -> None:
    image = {"data": data_uri(png())}
    body = {"kind": "gui", "input": {"instruction": "Save", "images": [image]}, "params": {"temperature": 0}}
    old = api.post(JOBS, body).json()["id"]
    changes = {
        "input": {"instruction": "Close"},
        "params": {"pixels": {"max": 1_048_576}, "temperature": None},
        "tags": ["again"],
    }
    new = replayed(api, old, changes)
    row = Job.objects.get(pk=Job.objects.order_by("-id")[0].pk)
    assert row.public_id == new["id"]
    assert row.input["instruction"] == "Close"
    assert row.input["images"] == Job.objects.order_by("id")[0].input["images"]
    assert row.params == {"pixels": {"max": 1_048_576}}
    assert row.tags == ["again"]
    assert Media.objects.count() == 1
    assert JobMedia.objects.count() == 2


def test_a_chat_with_images_is_replayed_with_its_messages_or_with_a_new_prompt(api: Api) -> None:
    answer = api.client.post(JOBS, {"kind": "chat", "prompt": "What is this?", "image": [file(png())]})
    old = answer.json()["id"]
    replayed(api, old)
    first, second = Job.objects.order_by("id")
    assert second.input == first.input
    replayed(api, old, {"input": {"prompt": "And now?"}})
    assert "What is this?" not in str(Job.objects.order_by("-id")[0].input)


def test_what_is_wrong_with_a_replay_is_told_as_for_every_request(api: Api) -> None:
    old = api.submit()["id"]
    path = f"{JOBS}/{old}/replay"
    problem(api.post(path, {"kind": "ocr"}), 422, "unknown_field")
    found = problem(api.post(path, {"params": {"temperature": 9}}), 422, "invalid_input")
    assert found["errors"][0]["pointer"] == "/params/temperature"
    problem(api.post(path, {"model": "nope"}), 422, "invalid_input")
    problem(api.post(path, {"input": {"nope": 1}}), 422, "unknown_field")
    assert Job.objects.count() == 1


def test_a_replay_needs_the_images_of_the_old_job_or_new_ones(api: Api) -> None:
    old = api.client.post(JOBS, {"kind": "ocr", "image": [file(png())]}).json()["id"]
    Media.objects.all().delete()
    problem(api.post(f"{JOBS}/{old}/replay", {}), 409, "conflict")
    assert replayed(api, old, {"input": {"images": [{"data": data_uri(png("red"))}]}})["replay_of"] == old


def test_a_replay_under_a_key_happens_once(api: Api) -> None:
    old = api.submit()["id"]
    first = replayed(api, old, {}, idempotency_key="k")
    again = replayed(api, old, {}, idempotency_key="k")
    assert again["id"] == first["id"]
    assert Job.objects.count() == 2


def test_an_erased_job_and_another_tenants_are_not_replayed(api: Api) -> None:
    old = api.submit()["id"]
    problem(Api("other").post(f"{JOBS}/{old}/replay", {}), 404, "not_found")
    finished()
    api.client.delete(f"{JOBS}/{old}")
    problem(api.post(f"{JOBS}/{old}/replay", {}), 410, "output_expired")


def test_a_retry_may_ask_something_else(api: Api) -> None:
    body = {"kind": "gui", "input": {"instruction": "Save", "images": [{"data": data_uri(png())}]}}
    old = api.post(JOBS, body).json()["id"]
    path = f"{JOBS}/{old}/retry"
    problem(api.post(path, {"input": {"instruction": "Close"}}), 409, "conflict")
    api.post(f"{JOBS}/{old}/cancel")
    problem(api.post(path, {"input": {"nonsense": 1}}), 422, "unknown_field")
    problem(api.post(path, {"model": "other"}), 422, "unknown_field")
    edited = {"input": {"instruction": "Close"}, "params": {"max_tokens": 9}, "reason": "a typing error"}
    answer = api.post(path, edited)
    assert (answer.status_code, answer.json()["id"]) == (202, old)
    job = Job.objects.get()
    assert (job.input["instruction"], job.params) == ("Close", {"max_tokens": 9})
    assert JobMedia.objects.count() == 1, "its screenshot stays"
    entry = Entry.objects.get(action="job.retry_edited")
    assert (entry.subject, entry.reason) == (old, "a typing error")
    assert entry.after["changed"] == {"input": ["instruction"], "params": ["max_tokens"]}
    taken = claimed("gui.default")
    assert taken.input["instruction"] == "Close"


def test_a_retry_with_another_screenshot_lets_the_old_one_go(api: Api) -> None:
    body = {"kind": "gui", "input": {"instruction": "Save", "images": [{"data": data_uri(png())}]}}
    old = api.post(JOBS, body).json()["id"]
    api.post(f"{JOBS}/{old}/cancel")
    images = [{"data": data_uri(png("red"))}]
    assert api.post(f"{JOBS}/{old}/retry", {"input": {"images": images}}).status_code == 202
    (link,) = JobMedia.objects.select_related("media")
    assert Job.objects.get().input["images"][0]["media"]["sha256"] == link.media.sha256

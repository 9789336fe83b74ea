"""What is done to jobs and keys stands in the audit's record, whichever way it came in, and nothing secret with it."""

import json
from typing import Any

import pytest
from click.testing import CliRunner
from django.db import connection
from django.test.utils import CaptureQueriesContext
from support.api import CHAT, JOBS, Api, finished, problem

from sightline.audit import services as audit
from sightline.audit.models import Entry
from sightline.cli.keys import keys as keys_command
from sightline.cli.quotas import quotas as quotas_command
from sightline.jobs.models import Job
from sightline.jobs.services.cancel import cancel

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("redis_url")]

SECRET = "the-customers-own-words"


def recorded(*, but: str = "key.create") -> list[tuple[str, Any, Any]]:
    rows = Entry.objects.exclude(action=but).order_by("id")
    return list(rows.values_list("action", "before", "after"))


def test_what_a_key_does_to_a_job_is_on_record_with_what_was_before(api: Api) -> None:
    job = api.submit()["id"]
    api.post(f"{JOBS}/{job}/cancel", {"reason": "asked twice"})
    api.post(f"{JOBS}/{job}/cancel", {"reason": "harmless once more"})
    api.post(f"{JOBS}/{job}/retry", {"reason": "not twice after all"})
    api.post(f"{JOBS}/{job}/cancel")
    api.post(f"{JOBS}/{job}/retry", {"input": {"prompt": "bye"}})
    made = api.post(f"{JOBS}/{job}/replay", {"params": {"temperature": 0.5}}).json()["id"]
    api.post(f"{JOBS}/{job}/cancel")
    assert api.client.delete(f"{JOBS}/{job}").status_code == 204
    cancelled = ("job.cancel", {"status": "queued"}, {"status": "cancelled"})
    assert recorded() == [
        cancelled,
        ("job.retry", {"status": "cancelled"}, {"status": "queued"}),
        cancelled,
        (
            "job.retry_edited",
            {"status": "cancelled"},
            {"status": "queued", "changed": {"input": ["messages"], "params": []}},
        ),
        (
            "job.replay",
            {"model": "default", "params": {}},
            {"job": made, "model": "default", "params": {"temperature": 0.5}},
        ),
        cancelled,
        ("job.erase", {"status": "cancelled", "erased": False}, {"erased": True}),
    ]
    mine = Entry.objects.exclude(action="key.create")
    assert set(mine.values_list("subject", "actor", "address")) == {
        (job, f"key:{api.key.prefix}", "127.0.0.1")
    }
    assert [reason for reason in mine.order_by("id").values_list("reason", flat=True) if reason] == [
        "asked twice",
        "not twice after all",
    ]


def test_a_refused_act_is_not_on_record(api: Api) -> None:
    job = api.submit()["id"]
    problem(api.post(f"{JOBS}/{job}/retry"), 409, "conflict")
    problem(api.post(f"{JOBS}/{job}/replay", {"params": {"nonsense": 1}}), 422, "unknown_field")
    problem(api.post(f"{JOBS}/{job}/cancel", {"nonsense": 1}), 422, "unknown_field")
    finished()
    assert api.post(f"{JOBS}/{job}/cancel").status_code == 200
    assert recorded() == []


def test_the_record_keeps_nothing_of_what_an_erased_job_was_asked(api: Api) -> None:
    body = {**CHAT, "input": {"prompt": SECRET}, "params": {"stop": [SECRET]}, "metadata": {"x": SECRET}}
    job = api.post(JOBS, body).json()["id"]
    again = {"input": {"prompt": f"{SECRET}!"}, "params": {"stop": [f"{SECRET}!"]}}
    other = api.post(f"{JOBS}/{job}/replay", again).json()["id"]
    for one in (job, other):
        api.post(f"{JOBS}/{one}/cancel")
        assert api.post(f"{JOBS}/{one}/retry", again).status_code == 202
        api.post(f"{JOBS}/{one}/cancel")
        assert api.client.delete(f"{JOBS}/{one}").status_code == 204
    assert len(recorded()) == 9
    assert SECRET not in json.dumps(list(Entry.objects.values()), default=str)


def test_a_replay_under_one_idempotency_key_is_on_record_once(api: Api) -> None:
    job = api.submit()["id"]
    for _ in range(2):
        assert api.post(f"{JOBS}/{job}/replay", {}, **{"idempotency-key": "once"}).status_code == 202
    assert [action for action, *_ in recorded()] == ["job.replay"]


def test_submitting_asks_and_tells_the_record_nothing(api: Api) -> None:
    with CaptureQueriesContext(
        connection,
    ) as asked:
        api.submit()
    assert asked.captured_queries
    assert not [query for query in asked.captured_queries if "audit_" in query["sql"]]


def test_what_is_part_of_a_greater_act_or_nobodys_is_not_on_record(api: Api) -> None:
    api.submit()
    with audit.unrecorded():
        cancel(job=Job.objects.get(), actor="client gone")
    assert Job.objects.get().status == "cancelled"
    assert recorded() == []


def test_keys_are_on_record_and_their_texts_are_not() -> None:
    api = Api(scopes=("submit", "read", "admin"))
    made = api.post("/api/v1/keys", {"name": "robot", "kinds": ["ocr"]}).json()
    turned = api.post(f"/api/v1/keys/{made['id']}/rotate", {"overlap_s": 60}).json()
    for _ in range(2):
        assert api.client.delete(f"/api/v1/keys/{made['id']}").status_code == 204
    by_hand = CliRunner().invoke(keys_command, ["create", "by hand"]).stdout.strip()
    later = CliRunner().invoke(keys_command, ["rotate", "by hand"]).stdout.strip()
    CliRunner().invoke(keys_command, ["revoke", later])
    acts = list(Entry.objects.order_by("id").values_list("action", "actor"))
    asked, person = f"key:{api.key.prefix}", acts[-1][1]
    assert person.startswith("cli:")
    assert acts == [
        ("key.create", "system"),
        *((f"key.{act}", asked) for act in ("create", "rotate", "revoke")),
        *((f"key.{act}", person) for act in ("create", "rotate", "revoke")),
    ]
    entry = Entry.objects.get(action="key.create", actor=asked)
    assert (entry.subject, entry.after["kinds"]) == (f"robot ({made['prefix']}…)", ["ocr"])
    assert (
        Entry.objects.get(action="key.rotate", actor=asked)
        .after["replaced_by"]
        .endswith(f"({turned['prefix']}…)")
    )
    told = json.dumps(list(Entry.objects.values()), default=str)
    for text in (made["key"], turned["key"], by_hand, later):
        assert text.startswith("sl_")
        assert text not in told


def test_a_quota_is_on_record_with_what_was_before(api: Api) -> None:
    for number in ("60", "none"):
        CliRunner().invoke(quotas_command, ["set", "t", "--kind", "ocr", "--per-minute", number])
    assert recorded() == [
        ("tenant.quota", {"ocr": {}}, {"ocr": {"per_minute": 60}}),
        ("tenant.quota", {"ocr": {"per_minute": 60}}, {"ocr": {}}),
    ]


def test_an_endpoint_is_on_record_by_its_host_alone(api: Api) -> None:
    """Tokens stand in the paths and queries of webhooks."""
    asked = {"url": f"https://hooks.example.com/{SECRET}?token={SECRET}", "events": ["job.failed"]}
    path = f"/api/v1/webhook-endpoints/{api.post('/api/v1/webhook-endpoints', asked).json()['id']}"
    api.post(f"{path}/rotate-secret")
    api.client.patch(path, json.dumps({"disabled": True}), content_type="application/json")
    assert api.client.delete(path).status_code == 204
    on = {"host": "hooks.example.com", "events": ["job.failed"], "disabled": False}
    off = {**on, "disabled": True}
    assert recorded() == [
        ("webhook.create", {}, on),
        ("webhook.rotate", {}, {}),
        ("webhook.change", on, off),
        ("webhook.delete", off, {}),
    ]
    assert SECRET not in str(list(Entry.objects.values()))

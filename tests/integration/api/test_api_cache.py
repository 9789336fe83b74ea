"""The cache over the native API: what is answered at once, with what, and what never is."""

import io
import json
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from PIL import Image
from support.api import JOBS, Api, data_uri, file, fits, png, problem
from support.domain import GPU0, Domain

from sightline import redis_client
from sightline.cache import l1, revisions
from sightline.clock import After
from sightline.fleet.models import Group, Intake
from sightline.jobs.models import IdempotencyKey, Job
from sightline.jobs.services import sweep
from sightline.redis_client import RedisAway
from sightline.telemetry import metrics
from sightline.tenants.models import Tenant
from sightline.webhooks.models import Delivery

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("redis_url")]

REVISION = "r" * 12


@pytest.fixture(autouse=True)
def _fleet() -> None:
    serve(REVISION)


def serve(revision: str) -> None:
    Domain().group(Intake.OPEN)
    Group.objects.update(revision=revision)
    revisions.forget()


def ocr(image: bytes | None = None, **more: Any) -> dict[str, Any]:
    return {"kind": "ocr", "input": {"images": [{"data": data_uri(image or png())}]}, **more}


def done(text: str = "Invoice 4711", *, kind: str = "ocr", complete: bool = True) -> None:
    """A worker does the next job."""
    domain = Domain()
    assert domain.finish(domain.claimed(f"{kind}.default", group=GPU0), text, complete=complete)


def answered(api: Api, body: dict[str, Any], **headers: str) -> dict[str, Any]:
    answer = api.post(JOBS, body, **headers)
    assert answer.status_code == 200, answer.content
    found: dict[str, Any] = answer.json()
    fits("JobView", found)
    return found


def accepted(api: Api, body: dict[str, Any], **headers: str) -> dict[str, Any]:
    answer = api.post(JOBS, body, **headers)
    assert answer.status_code == 202, answer.content
    found: dict[str, Any] = answer.json()
    fits("JobAccepted", found)
    return found


def counted() -> dict[str, float]:
    found = metrics.read()
    return {
        dict(labels)["outcome"]: value
        for (name, _, labels), value in found.items()
        if name == "sightline_cache_total"
    }


def test_the_second_request_is_answered_at_once(api: Api) -> None:
    first = accepted(api, ocr(tags=["a"]))
    done()
    answer = api.post(
        JOBS, ocr(tags=["b"], metadata={"case": 1}, webhook={"url": "https://example.com/hook"})
    )
    assert answer.status_code == 200
    job = answer.json()
    fits("JobView", job)
    assert answer["Location"] == f"{JOBS}/{job['id']}"
    assert "Retry-After" not in answer
    assert job["id"] != first["id"]
    assert (job["status"], job["served_from"], job["output"]) == (
        "succeeded",
        "cache",
        {"text": "Invoice 4711"},
    )
    assert (job["cache"]["mode"], job["attempt"], job["attempts"]) == ("exact", 0, [])
    assert job["cache"]["age_s"] >= 0
    assert job["usage"] == {"input_tokens": 0, "image_tokens": 0, "output_tokens": 0}
    assert (job["tags"], job["metadata"]) == (["b"], {"case": 1})
    assert api.client.get(f"{JOBS}/{job['id']}").json() == job
    assert Delivery.objects.get().type == "job.succeeded"
    types = list(Job.objects.get(tags=["b"]).events.order_by("id").values_list("type", flat=True))
    assert types == ["job.queued", "job.succeeded"]
    assert api.client.get(f"{JOBS}?tag=b").json()["data"][0]["id"] == job["id"]


def test_the_first_hit_is_found_in_the_database_and_the_next_in_redis(api: Api) -> None:
    accepted(api, ocr())
    done()
    for _ in range(3):
        answered(api, ocr())
    assert counted() == {"miss": 1, "l2": 1, "l1": 2}


def test_every_host_has_the_cache_and_redis_may_be_away(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    accepted(api, ocr())
    done()

    def away(_: Any) -> Any:
        raise RedisAway("gone")

    monkeypatch.setattr(redis_client, "call", away)
    assert answered(api, ocr())["served_from"] == "cache"
    accepted(api, ocr(png("red")))


def test_another_route_container_and_spelling_of_the_same_request_hits(api: Api) -> None:
    accepted(api, ocr(params={"temperature": 0, "max_tokens": 64}))
    done()
    bmp = io.BytesIO()
    Image.open(io.BytesIO(png())).save(bmp, "BMP")
    upload = api.client.post("/api/v1/uploads", png(), content_type="image/png").json()["id"]
    for image in (
        {"upload_id": upload},
        {"data": "data:image/bmp;base64," + data_uri(bmp.getvalue()).partition(",")[2]},
    ):
        body = {
            "params": {"max_tokens": 64, "temperature": 0.0},
            "input": {"mode": "text", "images": [image]},
        }
        text = json.dumps({**body, "kind": "ocr"}, indent=3).replace("0.0", "0e0")
        answer = api.client.post(JOBS, text, content_type="application/json")
        assert (answer.status_code, answer.json().get("served_from")) == (200, "cache"), answer.content
    form = {"kind": "ocr", "max_tokens": "64", "temperature": "0", "image": file(png(), "another.png")}
    answer = api.client.post(JOBS, form)
    assert (answer.status_code, answer.json()["served_from"]) == (200, "cache")


def test_other_pixels_parameters_models_and_kinds_miss(api: Api) -> None:
    accepted(api, ocr())
    done()
    accepted(api, ocr(png("red")))
    accepted(api, ocr(params={"max_tokens": 9}))
    accepted(api, {**ocr(), "input": {**ocr()["input"], "mode": "markdown"}})


def test_a_changed_checkpoint_misses_and_its_old_answers_come_back_with_it(api: Api) -> None:
    accepted(api, ocr())
    done()
    serve("another-one!")
    accepted(api, ocr())
    serve(REVISION)
    answered(api, ocr())


def test_an_answer_of_another_revision_than_asked_for_is_not_kept(api: Api) -> None:
    accepted(api, ocr())
    serve("another-one!")
    done()
    serve(REVISION)
    accepted(api, ocr())


def test_while_nobody_says_what_is_served_every_job_runs(api: Api) -> None:
    serve("")
    accepted(api, ocr())
    done()
    job = accepted(api, ocr())
    assert job["cache"] == {"mode": "exact", "age_s": None}
    assert Job.objects.filter(cache_key__isnull=False).count() == 0


def test_off_neither_asks_nor_keeps(api: Api) -> None:
    off = {"cache": {"mode": "off"}}
    accepted(api, ocr(**off))
    done()
    accepted(api, ocr())
    done()
    job = accepted(api, ocr(**off))
    assert job["cache"] == {"mode": "off", "age_s": None}


def test_refresh_makes_a_new_answer_for_everybody(api: Api) -> None:
    accepted(api, ocr())
    done("old")
    assert answered(api, ocr())["output"] == {"text": "old"}
    accepted(api, ocr(cache={"mode": "refresh"}))
    done("new")
    assert answered(api, ocr())["output"] == {"text": "new"}, "what Redis has is found out"
    assert answered(api, ocr())["output"] == {"text": "new"}


def test_refresh_follows_a_job_that_has_not_begun_but_not_one_that_runs(api: Api) -> None:
    first = accepted(api, ocr())
    accepted(api, ocr(cache={"mode": "refresh"}))
    taken = Domain().claimed("ocr.default", group=GPU0)
    third = accepted(api, ocr(cache={"mode": "refresh"}))
    rows = {job.public_id: job for job in Job.objects.all()}
    assert [job.source for job in sorted(rows.values(), key=lambda job: job.id)] == [
        None,
        rows[first["id"]].pk,
        None,
    ]
    assert Domain().finish(taken, "old")
    done("new")
    assert rows[third["id"]].cache_key
    assert answered(api, ocr())["output"] == {"text": "new"}


def test_an_answer_is_as_old_as_the_request_allows(api: Api) -> None:
    accepted(api, ocr())
    done("old")
    Job.objects.filter(served_from="engine").update(ended_at=After(-120))
    old = answered(api, ocr(cache={"ttl_s": 300}))
    assert 110 < old["cache"]["age_s"] < 300
    accepted(api, ocr(cache={"ttl_s": 60}))
    done("new")
    assert answered(api, ocr(cache={"ttl_s": 300}))["output"] == {"text": "new"}


def test_an_answer_is_served_for_a_day(api: Api, settings: Any) -> None:
    accepted(api, ocr())
    done()
    Job.objects.filter(served_from="engine").update(ended_at=After(-86_399))
    answered(api, ocr())
    Job.objects.filter(served_from="engine").update(ended_at=After(-86_401))
    accepted(api, ocr())


def test_an_erased_job_is_gone_from_the_cache(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    first = accepted(api, ocr())
    done()
    for _ in range(2):
        answered(api, ocr())  # in Redis as well
    monkeypatch.setattr(l1, "forget", lambda key: None)  # Redis was away while it was erased, and is back
    assert api.client.delete(f"{JOBS}/{first['id']}").status_code == 204
    accepted(api, ocr())


def test_a_job_that_retention_deleted_is_gone_from_the_cache(api: Api) -> None:
    accepted(api, ocr(retention_s=60))
    done()
    for _ in range(2):
        answered(api, ocr(retention_s=3600))
    Job.objects.filter(served_from="engine").update(ended_at=After(-120))
    assert sweep.apply_retention() == 1
    accepted(api, ocr())


@pytest.mark.parametrize("complete", [False, None])
def test_what_did_not_succeed_is_not_kept(api: Api, complete: bool | None) -> None:
    from sightline.jobs.status import AttemptOutcome

    accepted(api, ocr())
    if complete is None:
        Domain().fail(Domain().claimed("ocr.default", group=GPU0), AttemptOutcome.PERMANENT)
    else:
        done(complete=complete)
    accepted(api, ocr())


def test_only_deterministic_jobs_are_answered_twice_unless_they_ask_for_it(api: Api) -> None:
    chat = {"kind": "chat", "input": {"prompt": "hello"}}
    assert accepted(api, chat)["cache"]["mode"] == "off"
    for body in (
        {**chat, "params": {"temperature": 0}},
        {**chat, "params": {"seed": 7}},
        {**chat, "cache": {"mode": "exact"}},
    ):
        done(kind="chat")
        assert accepted(api, body)["cache"]["mode"] == "exact"
        done(kind="chat")
        answered(api, body)
        accepted(api, {**body, "cache": {"mode": "off"}})


def test_tenants_are_apart_unless_they_share_a_group(api: Api) -> None:
    accepted(api, ocr())
    done()
    other = Api("other")
    accepted(other, ocr())
    done()
    Tenant.objects.update(cache_group="ours")
    first = accepted(api, ocr())
    follower = accepted(other, ocr())
    explained = other.client.get(f"{JOBS}/{follower['id']}/explain").json()
    fits("Explanation", explained)
    assert explained["blocking"]["cause"] == "coalesced"
    assert first["id"] not in json.dumps(explained)
    done("shared")
    assert other.client.get(f"{JOBS}/{follower['id']}").json()["output"] == {"text": "shared"}
    assert answered(other, ocr())["output"] == {"text": "shared"}


def test_a_follower_says_whom_it_follows(api: Api) -> None:
    first = accepted(api, ocr())
    second = accepted(api, ocr())
    explained = api.client.get(f"{JOBS}/{second['id']}/explain").json()
    fits("Explanation", explained)
    assert explained["blocking"]["cause"] == "coalesced"
    assert explained["blocking"]["job"] == first["id"]
    done()
    read = api.client.get(f"{JOBS}/{second['id']}").json()
    fits("JobView", read)
    assert (read["status"], read["served_from"], read["cache"]["age_s"]) == ("succeeded", "coalesced", 0)
    assert counted() == {"miss": 1, "coalesced": 1}


def test_a_hit_is_replayed_under_its_key(api: Api) -> None:
    accepted(api, ocr())
    done()
    first = api.post(JOBS, ocr(), **{"Idempotency-Key": "k"})
    again = api.post(JOBS, ocr(), **{"Idempotency-Key": "k"})
    assert (first.status_code, again.status_code) == (200, 200)
    assert first.json() == again.json()
    assert again["Idempotent-Replayed"] == "true"
    assert api.client.delete(f"{JOBS}/{first.json()['id']}").status_code == 204
    assert "Invoice" not in json.dumps(IdempotencyKey.objects.get().response)


def test_a_full_queue_still_answers_what_is_there(api: Api, settings: Any) -> None:
    accepted(api, ocr())
    done()
    accepted(api, ocr(png("red")))
    settings.QUEUE_LIMIT = 1
    answered(api, ocr())
    accepted(api, ocr(png("red")))
    problem(api.post(JOBS, ocr(png("blue"))), 429, "queue_full")


def test_prefer_wait_has_nothing_to_wait_for(api: Api) -> None:
    accepted(api, ocr())
    done()
    answer = api.post(JOBS, ocr(), Prefer="wait=30")
    assert (answer.status_code, answer.json()["status"]) == (200, "succeeded")
    assert "X-Sightline-Wait" not in answer


def test_a_miss_costs_one_statement_and_a_hit_costs_less_than_a_job(api: Api) -> None:
    upload = api.client.post("/api/v1/uploads", png(), content_type="image/png").json()["id"]

    def statements(status: int, **more: Any) -> list[str]:
        body = {"kind": "ocr", "input": {"images": [{"upload_id": upload}]}, **more}
        with CaptureQueriesContext(connection) as captured:
            assert api.post(JOBS, body).status_code == status
        return [query["sql"] for query in captured.captured_queries]

    statements(202, params={"max_tokens": 1})  # measures the fleet, touches the key, reads the revision
    off = statements(202, cache={"mode": "off"})
    miss = statements(202)
    assert len(miss) == len(off) + 1, "\n".join(miss)
    domain = Domain()
    while (taken := domain.claim("ocr.default", group=GPU0)) is not None:
        domain.finish(taken)
    first, second = statements(200), statements(200)
    assert len(first) == len(second) + 1, "\n".join(first)
    assert len(second) < len(off), "\n".join(second)
    asked = [sql for sql in first if "cache_key" in sql and sql.startswith("SELECT")]
    assert len(asked) == 1
    with connection.cursor() as cursor:
        how = "EXPLAIN QUERY PLAN "
        if connection.vendor == "postgresql":
            how = "EXPLAIN "
            cursor.execute("SET enable_seqscan = off")  # a handful of rows
        cursor.execute(how + asked[0].replace("%", "%%"), [])
        plan = "\n".join(" ".join(str(cell) for cell in row) for row in cursor.fetchall())
        if connection.vendor == "postgresql":
            cursor.execute("RESET enable_seqscan")
    assert "job_cache_key" in plan


@pytest.mark.parametrize(
    ("cache", "pointer"),
    [
        ({"mode": "always"}, "/cache/mode"),
        ({"ttl_s": 0}, "/cache/ttl_s"),
        ({"ttl": 5}, "/cache/ttl"),
        ("exact", "/cache"),
    ],
)
def test_nonsense_is_refused_by_name(api: Api, cache: Any, pointer: str) -> None:
    answer = api.post(JOBS, ocr(cache=cache))
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == pointer

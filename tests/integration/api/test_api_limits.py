"""How much a tenant and a queue may hold."""

from typing import Any

import pytest
from django.conf import settings
from support.api import CHAT, JOBS, Api, claimed, data_uri, finished, png, problem

from sightline import redis_client
from sightline.jobs import counters, quotas
from sightline.jobs.models import Job
from sightline.tenants.models import Tenant

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("redis_url")]


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
    monkeypatch.setattr(quotas, "_OLD_MS", -1)  # every count is old enough to be made anew
    Tenant.objects.update(max_queued=1)
    api.submit()
    problem(api.post(JOBS, CHAT), 429, "quota_exceeded")
    finished()
    assert api.submit()


def test_limits_hold_without_redis(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(use: Any) -> Any:
        raise redis_client.RedisAway("gone")

    monkeypatch.setattr(counters, "call", away)
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


# --- quotas by kind -----------------------------------------------------------------------------------------------
def quota(**numbers: int) -> None:
    Tenant.objects.update(quotas={"chat": numbers})


def spent(answer: Any, name: str) -> None:
    assert name in problem(answer, 429, "quota_exceeded")["detail"]


def test_a_minutes_jobs_are_counted_and_told(api: Api) -> None:
    quota(per_minute=2)
    first = api.post(JOBS, CHAT)
    assert '"chat-per-minute";q=2;w=60' in first["RateLimit-Policy"]
    assert '"chat-per-minute";r=1;t=' in first["RateLimit"]
    api.submit()
    answer = api.post(JOBS, CHAT)
    spent(answer, "chat-per-minute")
    assert '"chat-per-minute";r=0;t=' in answer["RateLimit"]
    assert 1 <= int(answer["Retry-After"]) <= 60
    image = {"images": [{"data": data_uri(png())}]}
    assert api.post(JOBS, {"kind": "ocr", "input": image}).status_code == 202
    assert Api("other").submit()


def test_a_minutes_count_is_made_anew_from_the_database(api: Api) -> None:
    quota(per_minute=2)
    api.submit()
    api.submit()
    redis_client.client().flushall()
    spent(api.post(JOBS, CHAT), "chat-per-minute")


def test_jobs_in_flight_are_those_that_wait_and_those_that_run(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quotas, "_OLD_MS", -1)
    quota(in_flight=2, queued=1)
    api.submit()
    spent(api.post(JOBS, CHAT), "chat-queued")
    assert claimed() is not None
    api.submit()
    assert claimed() is not None
    spent(api.post(JOBS, CHAT), "chat-in-flight")
    api.post(f"{JOBS}/{Job.objects.filter(status='running')[0].public_id}/cancel")
    api.submit()


def test_quotas_hold_without_redis(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(use: Any) -> Any:
        raise redis_client.RedisAway("gone")

    monkeypatch.setattr(counters, "call", away)
    quota(per_minute=1)
    api.submit()
    spent(api.post(JOBS, CHAT), "chat-per-minute")


def test_fifty_at_once_never_exceed_a_quota(api: Api, in_parallel: Any) -> None:
    quota(per_minute=7)
    api.submit()  # the counter is there: from here on one script decides
    answers = in_parallel(20, lambda _: api.post(JOBS, CHAT).status_code)
    assert sorted(answers) == [202] * 6 + [429] * 14
    assert Job.objects.count() == 7


def test_a_submission_that_is_refused_later_gives_its_place_back(api: Api) -> None:
    Tenant.objects.update(quotas={"ocr": {"per_minute": 1}})
    bad = {"kind": "ocr", "input": {"images": [{"data": "data:image/png;base64,AAAA"}]}}
    problem(api.post(JOBS, bad), 415, "unsupported_media")
    good = {"kind": "ocr", "input": {"images": [{"data": data_uri(png())}]}}
    assert api.post(JOBS, good).status_code == 202


def test_quotas_cost_one_round_trip_to_redis(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    quota(per_minute=100, in_flight=100, queued=100)
    api.submit()
    trips = []
    monkeypatch.setattr(counters, "call", lambda use: trips.append(1) or redis_client.call(use))
    api.submit()
    assert len(trips) == 1

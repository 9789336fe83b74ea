"""How much a tenant and a queue may hold."""

from typing import Any

import pytest
from django.conf import settings
from support.api import CHAT, JOBS, Api, data_uri, finished, png, problem

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

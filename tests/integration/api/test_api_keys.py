"""Keys and tenants: who may do what, and who sees whose."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from support.api import CHAT, JOBS, Api, png, problem

from sightline.tenants import keys

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("redis_url")]


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

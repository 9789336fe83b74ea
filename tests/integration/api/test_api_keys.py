"""Keys and tenants: who may do what, and who sees whose."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from support.api import CHAT, JOBS, Api, fits, png, problem

from sightline.tenants import keys
from sightline.tenants.models import ApiKey, Tenant

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


# --- keys over the API --------------------------------------------------------------------------------------------
KEYS = "/api/v1/keys"


def test_an_admin_makes_lists_rotates_and_revokes_keys(api: Api) -> None:
    answer = api.post(
        KEYS, {"name": "scanner", "kinds": ["ocr"], "models": ["default"], "expires_in_s": 3600}
    )
    assert answer.status_code == 201, answer.content
    made = answer.json()
    fits("KeyWithText", made)
    scanner = Client(headers={"authorization": f"Bearer {made['key']}"})
    assert scanner.get(f"{KEYS}/self").json()["id"] == made["id"]
    listed = api.client.get(KEYS).json()
    fits("KeyList", listed)
    assert [row["name"] for row in listed["data"]] == ["scanner", "k"]
    rotated = api.post(f"{KEYS}/{made['id']}/rotate", {"overlap_s": 60}).json()
    fits("KeyWithText", rotated)
    assert rotated["replaces"] == made["id"]
    problem(api.post(f"{KEYS}/{made['id']}/rotate", {}), 409, "conflict")
    assert scanner.get(f"{KEYS}/self").status_code == 200
    assert api.client.delete(f"{KEYS}/{made['id']}").status_code == 204
    problem(scanner.get(f"{KEYS}/self"), 401, "not_authenticated")
    successor = Client(headers={"authorization": f"Bearer {rotated['key']}"})
    assert successor.get(f"{KEYS}/self").status_code == 200


def test_a_key_may_rotate_itself_and_nothing_else() -> None:
    plain = Api(scopes=("submit",))
    other = keys.create(tenant="t", name="other")[0]
    problem(plain.client.get(KEYS), 403, "scope_missing")
    problem(plain.post(KEYS, {"name": "x"}), 403, "scope_missing")
    problem(plain.post(f"{KEYS}/{other.public_id}/rotate"), 403, "scope_missing")
    problem(plain.client.delete(f"{KEYS}/self"), 403, "scope_missing")
    answer = plain.post(f"{KEYS}/self/rotate", {})
    assert answer.status_code == 201
    assert answer.json()["scopes"] == ["submit"]


def test_another_tenants_keys_are_not_there(api: Api) -> None:
    other = keys.create(tenant="other", name="x")[0].public_id
    problem(api.client.get(f"{KEYS}/{other}"), 404, "not_found")
    problem(api.post(f"{KEYS}/{other}/rotate"), 404, "not_found")
    problem(api.client.delete(f"{KEYS}/{other}"), 404, "not_found")


def test_a_key_submits_only_to_its_models() -> None:
    bound = Api(model_tags=("another",))
    problem(bound.post(JOBS, CHAT), 403, "model_forbidden")
    assert Api(model_tags=("default",)).submit()


def test_a_tenant_sees_its_quotas(api: Api) -> None:
    Tenant.objects.update(quotas={"chat": {"per_minute": 9}, "*": {"tokens_per_day": 100}})
    api.submit()
    shown = api.client.get("/api/v1/quotas").json()
    fits("QuotaList", shown)
    found = {row["name"]: (row["limit"], row["used"]) for row in shown["data"]}
    assert found == {
        "gui-tokens-per-day": (100, 0),
        "ocr-tokens-per-day": (100, 0),
        "chat-tokens-per-day": (100, 0),
        "chat-per-minute": (9, 1),
    }


def test_last_use_is_written_once_a_minute(api: Api) -> None:
    api.client.get(JOBS)
    first = ApiKey.objects.get().last_used_at
    assert first is not None
    api.client.get(JOBS)
    assert ApiKey.objects.get().last_used_at == first
    ApiKey.objects.update(last_used_at=first - timedelta(minutes=2))
    api.client.get(JOBS)
    assert ApiKey.objects.get().last_used_at >= first

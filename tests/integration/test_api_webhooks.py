"""Webhooks over the API: endpoints, secrets, deliveries, and what jobs may ask for."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from standardwebhooks import Webhook
from support.site import Site, answer, serving

from sightline.api.native import schemas, webhook_schemas
from sightline.tenants import keys
from sightline.webhooks.models import Delivery, Endpoint
from sightline.webhooks.services.deliver import deliver_next

Domain = Any
ENDPOINTS = "/api/v1/webhook-endpoints"
URL = "https://example.com/hook"


class Api:
    """One tenant's client."""

    def __init__(self, tenant: str, scopes: tuple[str, ...] = ()) -> None:
        _, key = keys.create(tenant=tenant, name="tests", scopes=scopes)
        self._headers = {"Authorization": f"Bearer {key}"}
        self._client = Client()

    def __call__(self, method: str, path: str, body: Any = None) -> Any:
        more = {} if body is None else {"data": body, "content_type": "application/json"}
        return getattr(self._client, method)(path, headers=self._headers, **more)


@pytest.fixture
def api(domain: Domain) -> Api:
    return Api("acme")


@pytest.fixture
def site(settings: Any) -> Iterator[Site]:
    settings.ALLOWED_NETWORKS = ("127.0.0.0/8",)
    with serving() as site:
        site.pages["/hook"] = answer()
        yield site


def created(api: Api, url: str = URL, **more: Any) -> dict[str, Any]:
    response = api("post", ENDPOINTS, {"url": url, **more})
    assert response.status_code == 201, response.content
    shown: dict[str, Any] = response.json()
    webhook_schemas.EndpointWithSecret.model_validate_json(response.content)
    return shown


def path(shown: dict[str, Any], more: str = "") -> str:
    return f"{ENDPOINTS}/{shown['id']}{more}"


def test_an_endpoint_is_made_read_changed_and_deleted(api: Api) -> None:
    shown = created(api, events=["job.failed"], description="Alarm")
    secret = shown.pop("secret")
    assert secret.startswith("whsec_")
    assert api("get", path(shown)).json() == shown
    changed = api("patch", path(shown), {"disabled": True, "events": []}).json()
    assert (changed["events"], changed["disabled_reason"]) == ([], "Disabled by its owner.")
    assert api("patch", path(shown), {"disabled": False}).json()["disabled_at"] is None
    assert api("get", path(shown, "/secret")).json()["secret"] == secret
    assert api("delete", path(shown)).status_code == 204
    assert api("get", path(shown)).status_code == 404


def test_the_list_holds_the_endpoint_of_single_jobs_whose_secret_can_be_read(api: Api) -> None:
    shown = created(api)
    listed = api("get", ENDPOINTS)
    webhook_schemas.EndpointList.model_validate_json(listed.content)
    own = next(item for item in listed.json()["data"] if item["url"] is None)
    assert {item["id"] for item in listed.json()["data"]} == {own["id"], shown["id"]}
    assert api("get", path(own, "/secret")).json()["secret"].startswith("whsec_")
    assert api("delete", path(own)).status_code == 422
    assert api("patch", path(own), {"url": URL}).status_code == 422


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"url": "http://127.0.0.1/hook"}, "/url"),
        ({"url": "http://2130706433/hook"}, "/url"),
        ({"url": "https://example.com:22/"}, "/url"),
        ({"url": "ftp://example.com/"}, "/url"),
        ({"url": "https://user:x@example.com/"}, "/url"),
        ({"url": URL, "events": ["job.exploded"]}, "/events/0"),
        ({"url": URL, "secret": "mine"}, "/secret"),
        ({}, "/url"),
    ],
)
def test_what_can_never_be_called_is_refused_by_name(api: Api, body: dict[str, Any], pointer: str) -> None:
    response = api("post", ENDPOINTS, body)
    assert response.status_code == 422
    assert response.json()["errors"][0]["pointer"] == pointer
    assert not Endpoint.objects.exists()


def test_a_rotated_secret_is_new_and_says_until_when_the_old_one_holds(api: Api) -> None:
    shown = created(api)
    rotated = api("post", path(shown, "/rotate-secret"))
    webhook_schemas.SecretView.model_validate_json(rotated.content)
    assert rotated.json()["secret"] != shown["secret"]
    assert rotated.json()["previous_valid_until"] is not None


def test_deliveries_are_listed_page_by_page_read_and_sent_again(domain: Domain, api: Api, site: Site) -> None:
    shown = created(api, site.url("/hook"))
    for _ in range(3):
        domain.submit(tenant=domain.tenant())
        domain.finish(domain.claimed())
        deliver_next()
    first = api("get", path(shown, "/deliveries?limit=2"))
    webhook_schemas.DeliveryList.model_validate_json(first.content)
    page = first.json()
    assert (len(page["data"]), page["has_more"]) == (2, True)
    rest = api("get", path(shown, f"/deliveries?limit=2&cursor={page['next_cursor']}")).json()
    seen = [item["id"] for item in (*page["data"], *rest["data"])]
    assert seen == sorted(seen, reverse=True)
    assert len(set(seen)) == 3
    assert api("get", path(shown, "/deliveries?state=failed")).json()["data"] == []
    again = api("post", f"/api/v1/webhook-deliveries/{seen[0]}/redeliver")
    assert (again.status_code, again.json()["state"]) == (202, "pending")
    deliver_next()
    one = api("get", f"/api/v1/webhook-deliveries/{seen[0]}").json()
    assert [attempt["status"] for attempt in one["attempts"]] == [200, 200]
    Webhook(shown["secret"]).verify(site.seen[-1].body, site.seen[-1].headers)


@pytest.mark.parametrize("query", ["state=odd", "cursor=x", "limit=0", "nope=1"])
def test_a_query_that_means_nothing_is_refused(api: Api, query: str) -> None:
    assert api("get", path(created(api), f"/deliveries?{query}")).status_code == 422


def test_a_disabled_endpoint_gets_nothing_sent_again(domain: Domain, api: Api, site: Site) -> None:
    shown = created(api, site.url("/hook"))
    domain.submit()
    domain.finish(domain.claimed())
    api("patch", path(shown), {"disabled": True})
    delivery = Delivery.objects.get().public_id
    assert api("post", f"/api/v1/webhook-deliveries/{delivery}/redeliver").status_code == 409


def test_a_job_names_an_address_and_its_end_is_told(domain: Domain, api: Api, site: Site) -> None:
    body = {"kind": "chat", "input": {"prompt": "Hello"}, "webhook": {"url": site.url("/hook")}}
    response = api("post", "/api/v1/jobs", body)
    assert response.status_code == 202, response.content
    schemas.JobAccepted.model_validate_json(response.content)
    domain.finish(domain.claimed("chat.default"))
    deliver_next()
    listed = api("get", ENDPOINTS).json()["data"]
    own = next(item for item in listed if item["url"] is None)
    secret = api("get", path(own, "/secret")).json()["secret"]
    message: Any = Webhook(secret).verify(site.seen[0].body, site.seen[0].headers)
    assert message["data"]["id"] == response.json()["id"]


@pytest.mark.parametrize(
    ("webhook", "pointer"),
    [
        ({"url": "http://169.254.169.254/"}, "/webhook/url"),
        ({"url": URL, "x": 1}, "/webhook/x"),
        ("x", "/webhook"),
    ],
)
def test_a_jobs_webhook_is_checked_at_the_door(api: Api, webhook: Any, pointer: str) -> None:
    body = {"kind": "chat", "input": {"prompt": "Hello"}, "webhook": webhook}
    response = api("post", "/api/v1/jobs", body)
    assert response.status_code == 422
    assert response.json()["errors"][0]["pointer"] == pointer


def test_another_tenant_sees_nothing_of_it(domain: Domain, api: Api, site: Site) -> None:
    shown = created(api, site.url("/hook"))
    domain.submit()
    domain.finish(domain.claimed())
    delivery = Delivery.objects.get().public_id
    other = Api("other", ("submit", "read", "admin"))
    for method, where in (
        ("get", path(shown)),
        ("patch", path(shown)),
        ("delete", path(shown)),
        ("get", path(shown, "/secret")),
        ("post", path(shown, "/rotate-secret")),
        ("get", path(shown, "/deliveries")),
        ("get", f"/api/v1/webhook-deliveries/{delivery}"),
        ("post", f"/api/v1/webhook-deliveries/{delivery}/redeliver"),
    ):
        assert other(method, where, {} if method == "patch" else None).status_code == 404, where
    assert [item["url"] for item in other("get", ENDPOINTS).json()["data"]] == [None]


def test_a_key_that_may_only_read_changes_nothing_and_sees_no_secret(domain: Domain, api: Api) -> None:
    shown = created(api)
    reader = Api("acme", ("read",))
    assert reader("get", path(shown)).status_code == 200
    assert reader("get", path(shown, "/secret")).status_code == 403
    assert reader("post", ENDPOINTS, {"url": URL}).status_code == 403
    assert reader("delete", path(shown)).status_code == 403

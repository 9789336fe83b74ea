"""Rules, channels and alerts over REST, for operators alone."""

from typing import Any, get_args

import pytest
from support.api import Api, fits, problem

from sightline.alerts.models import AlertState, Metric, Rule
from sightline.alerts.services import evaluate
from sightline.api.native.alert_schemas import RuleMetric, State

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("redis_url")]

RULES, CHANNELS = "/api/v1/alert-rules", "/api/v1/alert-channels"


@pytest.fixture(autouse=True)
def networks(settings: Any, transactional_db: None) -> None:
    settings.ALLOWED_NETWORKS = ("127.0.0.0/8",)
    Rule.objects.all().delete()


def patch(api: Api, path: str, body: dict[str, Any]) -> Any:
    return api.client.patch(path, body, content_type="application/json")


def test_a_rule_is_made_changed_muted_and_deleted(api: Api) -> None:
    channel = api.post(CHANNELS, {"name": "pager", "url": "http://127.0.0.1:9/hook"})
    assert channel.status_code == 201
    fits("ChannelWithSecret", channel.json())
    told = channel.json()["id"]
    body = {
        "name": "waits",
        "metric": "depth",
        "scope": "chat",
        "threshold": 1,
        "for_s": 0,
        "channels": [told],
    }
    answer = api.post(RULES, body)
    assert answer.status_code == 201, answer.content
    fits("RuleView", answer.json())
    here = answer["Location"]
    assert api.client.get(here).json()["channels"] == [told]
    changed = patch(api, here, {"threshold": 2, "channels": []}).json()
    assert (changed["threshold"], changed["channels"], changed["scope"]) == (2, [], "chat")
    problem(api.post(f"{here}/test"), 409, "conflict")
    patch(api, here, {"channels": [told], "threshold": 1})
    assert api.post(f"{here}/test").json() == {"object": "alert_test", "channels": 1}
    assert api.post(f"{here}/mute", {"hours": 2}).json()["muted_until"] is not None
    api.submit()
    evaluate.evaluate()
    alerts = api.client.get("/api/v1/alerts?state=firing").json()
    fits("AlertList", alerts)
    assert [(alert["subject"], alert["told_at"]) for alert in alerts["data"]] == [("chat.default", None)]
    listed = api.client.get(RULES).json()
    fits("RuleList", listed)
    assert listed["data"][0]["firing"] == 1
    assert patch(api, f"{CHANNELS}/{told}", {"enabled": False}).json()["enabled"] is False
    fits("ChannelList", api.client.get(CHANNELS).json())
    assert api.client.delete(f"{CHANNELS}/{told}").status_code == 204
    assert api.client.get(here).json()["channels"] == []
    assert api.client.delete(here).status_code == 204
    problem(api.client.get(here), 404, "not_found")


@pytest.mark.parametrize(
    "body",
    [
        {"name": "x", "metric": "weather"},
        {"name": "x", "metric": "failure_rate", "threshold": 2},
        {"name": "x", "metric": "depth", "threshold": 1, "clear_below": 2},
        {"name": "x", "metric": "depth", "threshold": 1, "channels": ["channel_00000000000000000000000000"]},
        {"name": "x", "metric": "depth", "threshold": 1, "channels": ["nobody"]},
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(api: Api, body: dict[str, Any]) -> None:
    problem(api.post(RULES, body), 422, "invalid_input")


def test_the_document_knows_every_metric_and_state() -> None:
    assert get_args(RuleMetric) == tuple(Metric.values)
    assert get_args(State) == tuple(AlertState.values)


def test_rules_and_channels_are_for_operators(api: Api) -> None:
    clerk = Api(tenant="other", scopes=("submit", "read"))
    for path in (RULES, CHANNELS, "/api/v1/alerts"):
        problem(clerk.client.get(path), 403, "scope_missing")
    problem(clerk.post(RULES, {"name": "x", "metric": "depth"}), 403, "scope_missing")
    problem(clerk.post(CHANNELS, {"name": "x", "url": "http://127.0.0.1/"}), 403, "scope_missing")
    problem(api.client.get("/api/v1/alerts?state=loud"), 422, "invalid_input")
    problem(api.post(CHANNELS, {"name": "x", "url": "ftp://127.0.0.1/"}), 422, "invalid_input")

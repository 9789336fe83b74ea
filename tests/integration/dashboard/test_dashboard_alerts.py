"""The page of alerts: rules are made and changed by those who may, channels are told, a test is sent."""

from typing import Any

import pytest
from django.test import Client

from sightline.alerts.message import span
from sightline.alerts.models import Alert, Channel, Rule
from sightline.audit.models import Entry
from sightline.jobs.models import Job
from sightline.webhooks.models import Delivery

pytestmark = pytest.mark.django_db

PAGE = "/admin/alerts/rule/"
FIELDS = {
    "name": "gui waits",
    "enabled": "on",
    "metric": "oldest_age_s",
    "scope": "gui",
    "threshold": "30",
    "for_s": "60",
    "clear_for_s": "60",
    "least_jobs": "20",
    "clear_below": "",
}


@pytest.fixture(autouse=True)
def networks(settings: Any, db: None) -> None:
    settings.ALLOWED_NETWORKS = ("127.0.0.0/8",)


def test_the_page_shows_what_fires_and_what_did(operator: Client, everything: list[Job]) -> None:
    text = operator.get(PAGE).content.decode()
    for words in ("An engine is down", "gpu2@node1", "Firing", "Pager", "muted until", "History", "31.0%"):
        assert words in text
    fired = Alert.objects.get(state="firing")
    assert f'href="/admin/fleet/group/{fired.subject}/change/"' in text.replace("_40", "@")


def test_a_rule_is_made_and_changed_in_a_form(operator: Client) -> None:
    made = operator.post(
        "/admin/alerts/channel/add/", {"description": "ops", "url": "http://127.0.0.1:9/hook"}
    )
    assert made.status_code == 302
    channel = Channel.objects.get()
    assert operator.post(f"{PAGE}add/", {**FIELDS, "channels": [channel.pk]}).status_code == 302
    rule = Rule.objects.get(name="gui waits")
    assert (rule.threshold, list(rule.channels.all()), rule.updated_by) == (30.0, [channel], "admin:operator")
    operator.post(f"{PAGE}{rule.pk}/change/", {**FIELDS, "threshold": "45"})
    rule.refresh_from_db()
    assert (rule.threshold, list(rule.channels.all())) == (45.0, [])
    operator.post(f"{PAGE}{rule.pk}/delete/", {"post": "yes"})
    assert not Rule.objects.filter(name="gui waits").exists()
    actions = list(Entry.objects.order_by("id").values_list("action", flat=True))
    assert actions == ["channel.create", "alert.create", "alert.change", "alert.delete"]


@pytest.mark.parametrize(
    ("fields", "words"),
    [({"threshold": "0"}, "above 0"), ({"metric": "failure_rate", "threshold": "5"}, "five percent")],
)
def test_a_rule_that_makes_no_sense_comes_back(operator: Client, fields: dict[str, str], words: str) -> None:
    page = operator.post(f"{PAGE}add/", {**FIELDS, **fields})
    assert page.status_code == 200
    assert words in page.content.decode()
    assert not Rule.objects.filter(name="gui waits").exists()


def test_a_channel_that_cannot_be_told_comes_back(operator: Client) -> None:
    for url in ("ftp://127.0.0.1/", "mailto:nobody", "http://10.0.0.1/"):
        page = operator.post("/admin/alerts/channel/add/", {"description": "ops", "url": url})
        assert page.status_code == 200
    assert not Channel.objects.exists()


def test_buttons_mute_test_and_switch(operator: Client, everything: list[Job]) -> None:
    rule = Rule.objects.get(alerts__state="firing")
    act = f"{PAGE}{rule.pk}/act/"
    operator.post(act, {"act": "mute"})
    rule.refresh_from_db()
    assert rule.muted_until is not None
    operator.post(act, {"act": "test"})
    assert [row.type for row in Delivery.objects.filter(endpoint__tenant=None)] == ["alert.test"]
    operator.post(act, {"act": "off"})
    rule.refresh_from_db()
    assert not rule.enabled
    assert operator.get(act).status_code == 405
    channel = Channel.objects.get()
    text = operator.get(f"/admin/alerts/channel/{channel.pk}/change/").content.decode()
    assert "alert.test" in text
    assert "whsec_" in text
    operator.post(f"/admin/alerts/channel/{channel.pk}/switch/")
    channel.refresh_from_db()
    assert channel.disabled_at is not None


def test_who_only_looks_changes_nothing(stage: Any, everything: list[Job]) -> None:
    viewer = stage.browser_of("viewer", "view_rule", "view_channel", "view_alert")
    rule, channel = Rule.objects.get(alerts__state="firing"), Channel.objects.get()
    page = viewer.get(PAGE).content.decode()
    assert "Mute" not in page
    assert "New rule" not in page
    assert "whsec_" not in viewer.get(f"/admin/alerts/channel/{channel.pk}/change/").content.decode()
    assert viewer.post(f"{PAGE}{rule.pk}/act/", {"act": "off"}).status_code == 403
    assert viewer.post(f"/admin/alerts/channel/{channel.pk}/switch/").status_code == 403
    assert viewer.post(f"{PAGE}add/", FIELDS).status_code == 403
    assert stage.browser_of("clerk").get(PAGE).status_code == 403


def test_durations_are_told_in_the_units_that_people_use() -> None:
    told = [span(seconds) for seconds in (0, 45, 90, 300, 5400, 3600, 90_000, 604_800)]
    assert told == ["0 s", "45 s", "1 min 30 s", "5 min", "1 h 30 min", "1 h", "1 d 1 h", "7 d"]

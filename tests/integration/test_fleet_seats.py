"""Seats of a group that an operator changes while it runs: over the API, bounded, kept over restarts."""

from typing import Any

import pytest
from django.test import Client

from sightline.fleet import groups
from sightline.fleet.models import EngineState, Group
from sightline.jobs import eta
from sightline.tenants import keys

pytestmark = pytest.mark.django_db

SEATS = {"gui": 4, "chat": 8, "ocr": 8}


def start(seats: dict[str, int]) -> Group:
    return groups.register(
        name="gpu0", host="host", tag="default", gpus=[], engine_url="http://127.0.0.1:1", seats=seats
    )


@pytest.fixture
def group() -> Group:
    found = start(SEATS)
    groups.report(group_id=found.id, state=EngineState.LIVE, accepting=True, probation=False)
    return found


def patch(group: Group, body: dict[str, Any]) -> Any:
    _, admin = keys.create(tenant="ops", name="admin", scopes=("admin",))
    client = Client(headers={"Authorization": f"Bearer {admin}"})
    return client.patch(f"/api/v1/groups/{group.id}", body, content_type="application/json")


def test_changed_seats_are_shown_and_counted_at_once(group: Group) -> None:
    answer = patch(group, {"seats": {"gui": 10, "ocr": 2}})
    assert answer.status_code == 200, answer.content
    assert answer.json()["seats"] == {"gui": 10, "chat": 8, "ocr": 2}
    assert answer.json()["seats_started_with"] == SEATS
    assert answer.json()["drained"] is False
    eta.forget()
    assert eta.service("gui.default").seats == 10


def test_a_change_survives_restarts_until_it_is_taken_back(group: Group) -> None:
    patch(group, {"seats": {"gui": 1}})
    assert start(SEATS).seats == {**SEATS, "gui": 1}
    assert patch(group, {"seats": {"gui": None}}).json()["seats"] == SEATS
    assert start(SEATS).seats == SEATS


def test_seats_stay_within_what_the_engine_was_started_with(group: Group) -> None:
    answer = patch(group, {"seats": {"gui": 5}})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/seats"
    assert Group.objects.get().seats == SEATS
    assert patch(group, {"seats": {"gui": 5, "ocr": 7}}).status_code == 200


def test_a_change_for_which_a_restarted_engine_has_no_room_counts_for_nothing(group: Group) -> None:
    patch(group, {"seats": {"gui": 12, "ocr": 0}})
    smaller = {"gui": 1, "chat": 1, "ocr": 1}
    assert start(smaller).seats == smaller


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"seats": {"tea": 1}},
        {"seats": {"gui": -1}},
        {"seats": {"gui": 1.5}},
        {"seats": None},
        {"seat": {}},
    ],
)
def test_what_makes_no_sense_is_refused(group: Group, body: dict[str, Any]) -> None:
    assert patch(group, body).status_code == 422
    assert Group.objects.get().seats == SEATS


def test_draining_and_seats_can_be_changed_together(group: Group) -> None:
    found = patch(group, {"drained": True, "seats": {"chat": 0}}).json()
    assert (found["drained"], found["seats"]["chat"]) == (True, 0)

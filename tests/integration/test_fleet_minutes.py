"""A row a minute for charts, and the operator's switch for a group over the API."""

from datetime import timedelta

import pytest
from django.test import Client

from sightline import clock
from sightline.fleet import groups, minutes
from sightline.fleet.models import EngineState, Group, Intake, Minute
from sightline.tenants import keys

pytestmark = pytest.mark.django_db


@pytest.fixture
def group() -> Group:
    found = groups.register(
        name="gpu0", host="host", tag="default", gpus=[], engine_url="http://127.0.0.1:1", seats={"gui": 4}
    )
    groups.report(
        group_id=found.id, state=EngineState.LIVE, accepting=True, probation=False, readings={"running": 3}
    )
    return found


def test_a_minute_is_written_once_with_what_groups_measured(group: Group) -> None:
    now = clock.now()
    assert minutes.record(now=now) == 1
    assert minutes.record(now=now) == 0
    row = Minute.objects.get(subject=f"group:{group.id}")
    assert row.values == {"state": "live", "aboard": 0, "running": 3}
    assert row.at == now.replace(second=0, microsecond=0) - timedelta(minutes=1)


def test_old_minutes_are_forgotten(group: Group) -> None:
    now = clock.now()
    minutes.record(now=now - timedelta(seconds=minutes.KEPT_S + 120))
    minutes.record(now=now)
    assert minutes.forget() == 1
    assert Minute.objects.count() == 1


def test_quantiles_are_those_of_the_sample() -> None:
    assert minutes.quantile([], 0.5) is None
    assert minutes.quantile([3.0, 1.0, 2.0], 0.5) == 2.0
    assert minutes.quantile([float(n) for n in range(100)], 0.95) == 95.0


def test_an_operator_drains_a_group_and_lets_it_work_again(group: Group) -> None:
    _, admin = keys.create(tenant="ops", name="admin", scopes=("admin", "read"))
    client = Client(headers={"Authorization": f"Bearer {admin}"})
    path = f"/api/v1/groups/{group.id}"
    answer = client.patch(path, {"drained": True}, content_type="application/json")
    assert answer.status_code == 200, answer.content
    assert answer.json()["drained"] is True
    assert Group.objects.get().intake == Intake.CLOSED
    client.patch(path, {"drained": False}, content_type="application/json")
    assert client.get("/api/v1/groups").json()["data"][0]["drained"] is False


def test_only_the_admin_scope_reaches_groups(group: Group) -> None:
    _, key = keys.create(tenant="dev", name="dev")
    answer = Client(headers={"Authorization": f"Bearer {key}"}).get("/api/v1/groups")
    assert answer.status_code == 403
    assert answer.json()["code"] == "scope_missing"


def test_an_unknown_group_is_not_found() -> None:
    _, admin = keys.create(tenant="ops", name="admin", scopes=("admin",))
    answer = Client(headers={"Authorization": f"Bearer {admin}"}).get("/api/v1/groups/nobody")
    assert answer.status_code == 404

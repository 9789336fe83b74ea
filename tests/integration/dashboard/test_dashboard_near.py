"""The admin's pages of the near cache."""

from typing import Any

from django.test import Client

from sightline.clock import now
from sightline.near import switch
from sightline.near.models import Check, Switch
from sightline.near.verdict import Verdict
from sightline.tenants.models import Tenant


def _false_hit(**more: Any) -> Check:
    tenant, _ = Tenant.objects.get_or_create(name="acme")
    return Check.objects.create(
        tenant=tenant,
        kind="ocr",
        model="default",
        source=tenant.pk,
        shadow=tenant.pk,
        verdict=Verdict.DIFFERENT,
        created_at=now(),
        ended_at=now(),
        **more,
    )


def test_false_hits_are_listed_with_the_jobs_to_look_at(operator: Client) -> None:
    check = _false_hit()
    page = operator.get("/admin/near/check/")
    assert page.status_code == 200
    assert page.content.decode().count("job_") >= 2
    assert operator.get(f"/admin/near/check/{check.pk}/change/").status_code == 200


def test_an_operator_has_hits_served_again(operator: Client) -> None:
    _false_hit()
    assert switch.judge(kind="ocr", model="default")
    row = Switch.objects.get()
    page = operator.get("/admin/near/switch/")
    assert "1 of 1" in page.content.decode()
    done = operator.post(
        "/admin/near/switch/", {"action": "serve_again", "_selected_action": [row.pk]}, follow=True
    )
    assert done.status_code == 200
    state = switch.of(kind="ocr", model="default")
    assert (state.on, state.checked) == (True, 0)

"""What an operator does goes through the platform's services."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group as DjangoGroup
from django.contrib.auth.models import User
from django.db import DatabaseError, connection, transaction
from django.test import Client
from django.urls import reverse

from sightline.audit.models import Entry
from sightline.fleet.models import EngineState, Group, Intake, Queue
from sightline.jobs.models import Job, JobEvent
from sightline.jobs.services.quarantine import block_media
from sightline.jobs.status import Status
from sightline.media.models import BlockedMedia
from sightline.tenants import keys
from sightline.tenants.models import ApiKey, Tenant
from sightline_dashboard.home.database_time import database_now
from sightline_dashboard.seeding import stories
from sightline_dashboard.seeding.troubles import BUSY
from sightline_dashboard.seeding.writing import Fate

pytestmark = pytest.mark.django_db

QUEUED = Fate(status=Status.QUEUED)
FAILED = Fate(status=Status.FAILED, troubles=(BUSY,))


@pytest.fixture(autouse=True)
def _redis(redis_url: str) -> None:
    """The services publish."""


def test_cancelling_a_job_names_who_did_it(stage: Any, operator: Client) -> None:
    job = stage.job(stories.click(), QUEUED)
    operator.post(reverse("admin:jobs_job_cancel", args=[job.public_id]))
    assert Job.objects.get(pk=job.pk).status == Status.CANCELLED
    event = JobEvent.objects.filter(job=job).latest("id")
    assert (event.type, event.actor) == ("job.cancelled", "admin:operator")


def test_retrying_a_failed_job_queues_it_again(stage: Any, operator: Client) -> None:
    job = stage.job(stories.click(), FAILED)
    operator.post(reverse("admin:jobs_job_retry", args=[job.public_id]))
    again = Job.objects.get(pk=job.pk)
    assert (again.status, again.tries, again.error) == (Status.QUEUED, 0, None)


def test_the_rarer_acts_stand_on_the_page_where_they_apply(stage: Any, operator: Client) -> None:
    job = stage.job(stories.click(), QUEUED)

    def press(name: str, **form: str) -> tuple[str, str]:
        """Where the job stands once the button that the page offers was pressed."""
        page = operator.get(reverse("admin:jobs_job_change", args=[job.public_id])).content.decode()
        assert f'id="{name}"' in page
        way = (
            ["admin:jobs_job_move", [job.public_id]]
            if form
            else ["admin:jobs_job_act", [job.public_id, name]]
        )
        operator.post(reverse(way[0], args=way[1]), form)
        row = Job.objects.get(pk=job.pk)
        return row.status, row.queue

    assert press("move-ocr", seats="ocr") == (Status.QUEUED, "ocr.default")
    assert press("expire")[0] == Status.EXPIRED
    assert press("quarantine")[0] == Status.QUARANTINED
    assert press("release") == (Status.QUEUED, "probation.default")
    assert list(Entry.objects.order_by("id").values_list("action", "actor")) == [
        (f"job.{act}", "admin:operator") for act in ("move", "expire", "quarantine", "release")
    ]
    assert operator.post(f"/admin/jobs/job/{job.public_id}/act/erase/").status_code == 404


def test_a_reason_may_be_given_to_every_act_and_stands_on_the_record(stage: Any, operator: Client) -> None:
    job = stage.job(stories.click(), QUEUED)

    def press(way: str, *more: str, **form: str) -> None:
        operator.post(
            reverse(f"admin:jobs_job_{way}", args=[job.public_id, *more]), {"reason": f"{way} {more}", **form}
        )

    press("cancel")
    press("retry")
    press("move", seats="ocr")
    press("act", "expire")
    press("act", "quarantine")
    press("act", "release")
    found = dict(Entry.objects.values_list("action", "reason"))
    assert found == {
        "job.cancel": "cancel ()",
        "job.retry": "retry ()",
        "job.move": "move ()",
        **{f"job.{verb}": f"act ('{verb}',)" for verb in ("expire", "quarantine", "release")},
    }
    page = operator.get(reverse("admin:jobs_job_change", args=[job.public_id])).text
    link = re.search(r'href="([^"]*)">Acts on record', page)
    assert link is not None
    assert "act (&#x27;quarantine&#x27;,)" in operator.get(link[1]).text
    assert operator.get(f"{link[1]}x").text.count("field-action") == 0
    chosen = {"action": "cancel_selected", "_selected_action": [str(job.pk)]}
    assert 'name="reason"' in operator.post("/admin/jobs/job/", chosen).text
    operator.post("/admin/jobs/job/", {**chosen, "confirmed": "yes", "reason": "all of them"})
    assert Entry.objects.filter(action="job.cancel", reason="all of them").count() == 1


def test_retrying_a_job_that_succeeded_says_why_not(stage: Any, operator: Client) -> None:
    job = stage.job(stories.click())
    page = operator.post(reverse("admin:jobs_job_retry", args=[job.public_id]), follow=True)
    assert "is succeeded" in page.content.decode()
    assert Job.objects.get(pk=job.pk).status == Status.SUCCEEDED


def test_a_selection_is_confirmed_with_its_count_before_anything_happens(
    stage: Any, operator: Client
) -> None:
    now = database_now()
    jobs = [
        stage.job(stories.click(), fate, dice=n, created=now - timedelta(seconds=60 + n))
        for n, fate in enumerate((FAILED, FAILED, FAILED, QUEUED))
    ]
    chosen = {"action": "retry_selected", "_selected_action": [str(job.pk) for job in jobs]}
    asked = operator.post("/admin/jobs/job/", chosen)
    assert "Retry 3 of 4 jobs?" in re.sub(r"\s+", " ", asked.content.decode())
    assert Job.objects.filter(status=Status.FAILED).count() == 3
    done = operator.post("/admin/jobs/job/", {**chosen, "confirmed": "yes"}, follow=True)
    assert "3 jobs queued again." in done.content.decode()
    assert Job.objects.filter(status=Status.QUEUED).count() == 4


def test_a_queue_is_paused_and_resumed(operator: Client) -> None:
    operator.post(reverse("admin:fleet_queue_pause", args=["ocr.default"]), {"reason": "the scanner is away"})
    queue = Queue.objects.get(name="ocr.default")
    assert queue.paused_at is not None
    assert queue.paused_by == "admin:operator"
    operator.post(reverse("admin:fleet_queue_resume", args=["ocr.default"]))
    queue.refresh_from_db()
    assert queue.paused_at is None
    assert operator.post(reverse("admin:fleet_queue_pause", args=["no.queue"])).status_code == 404


def test_a_group_is_drained_and_undrained(operator: Client) -> None:
    Group.objects.create(
        id="gpu0@node1", name="gpu0", host="node1", tag="default", state=EngineState.LIVE, intake=Intake.OPEN
    )
    operator.post(reverse("admin:fleet_group_drain", args=["gpu0@node1"]))
    group = Group.objects.get()
    assert group.drained_at is not None
    assert group.intake == Intake.CLOSED
    operator.post(reverse("admin:fleet_group_undrain", args=["gpu0@node1"]))
    group.refresh_from_db()
    assert group.drained_at is None


def test_seats_of_a_group_are_changed_on_its_page(operator: Client) -> None:
    seats = {"gui": 4, "chat": 8}
    row = {"id": "gpu0@node1", "name": "gpu0", "host": "node1", "tag": "default"}
    group = Group.objects.create(**row, seats=seats, seats_started_with=seats)
    page, form = (reverse(f"admin:fleet_group_{name}", args=["gpu0@node1"]) for name in ("change", "seats"))
    assert "Change seats" in operator.get(page).text
    operator.post(form, {"gui": "10", "chat": "2"})
    group.refresh_from_db()
    assert group.seats == {"gui": 10, "chat": 2}
    for nonsense in ({"gui": "11"}, {"gui": "-1"}, {"tea": "1"}):
        operator.post(form, nonsense)
        group.refresh_from_db()
        assert group.seats == {"gui": 10, "chat": 2}


def test_a_new_key_is_shown_once_and_only_its_digest_is_kept(operator: Client) -> None:
    tenant = Tenant.objects.create(name="acme")
    asked = {"tenant": str(tenant.pk), "name": "backend", "kinds": ["ocr"], "scopes": ["submit"]}
    page = operator.post("/admin/tenants/apikey/add/", asked)
    found = re.search(r"sl_[\w-]{43}", page.content.decode())
    assert found is not None
    assert "no-store" in page["Cache-Control"]
    row = keys.authenticate(text=found[0])
    assert (row.name, row.kinds, row.scopes) == ("backend", ["ocr"], ["submit"])
    assert found[0] not in str(ApiKey.objects.values())
    for path in ("/admin/tenants/apikey/", reverse("admin:tenants_apikey_change", args=[row.pk])):
        again = operator.get(path).content.decode()
        assert found[0] not in again
        assert row.sha256 not in again


def test_a_revoked_key_is_refused(operator: Client) -> None:
    row, text = keys.create(tenant="acme", name="backend")
    operator.post(reverse("admin:tenants_apikey_revoke", args=[row.pk]))
    with pytest.raises(keys.NotAuthenticated, match="revoked"):
        keys.authenticate(text=text)


def test_a_blocked_picture_is_released(stage: Any, operator: Client) -> None:
    job = stage.job(stories.click())
    block_media(job_id=job.pk, reason="it killed two engines")
    blocked = BlockedMedia.objects.get()
    chosen = {"action": "release_selected", "_selected_action": [str(blocked.pk)]}
    operator.post("/admin/media/blockedmedia/", chosen)
    blocked.refresh_from_db()
    assert blocked.released_at is not None
    assert blocked.released_by == "admin:operator"


def test_every_act_is_on_the_record_with_what_was_before(stage: Any, operator: Client) -> None:
    job = stage.job(stories.click(), FAILED)
    group = Group.objects.create(id="gpu0@node1", name="gpu0", host="node1", tag="default")
    tenant = Tenant.objects.create(name="globex")
    key = keys.create(tenant="globex", name="backend")[0]
    block_media(job_id=job.pk, reason="it killed two engines")
    operator.post(reverse("admin:jobs_job_retry", args=[job.public_id]))
    operator.post(reverse("admin:jobs_job_cancel", args=[job.public_id]))
    operator.post(reverse("admin:fleet_queue_pause", args=["gui.default"]), {"reason": "a new model"})
    operator.post(reverse("admin:fleet_group_drain", args=[group.pk]), {"reason": "a new fan"})
    operator.post(
        "/admin/tenants/apikey/add/", {"tenant": str(tenant.pk), "name": "other", "scopes": ["submit"]}
    )
    operator.post(reverse("admin:tenants_apikey_revoke", args=[key.pk]))
    blocked = str(BlockedMedia.objects.get().pk)
    operator.post("/admin/media/blockedmedia/", {"action": "release_selected", "_selected_action": [blocked]})
    found = list(Entry.objects.order_by("id").values_list("action", "before", "after", "reason"))
    assert [(action, before, after) for action, before, after, _ in found if action != "key.create"] == [
        ("job.retry", {"status": "failed"}, {"status": "queued"}),
        ("job.cancel", {"status": "queued"}, {"status": "cancelled"}),
        ("queue.pause", {"paused": False}, {"paused": True}),
        ("group.drain", {"drained": False}, {"drained": True}),
        ("key.revoke", {"revoked": False}, {"revoked": True}),
        ("media.release", {"blocked": True}, {"blocked": False}),
    ]
    assert [reason for *_, reason in found if reason.startswith("a ")] == ["a new model", "a new fan"]
    mine = Entry.objects.exclude(actor=keys.SYSTEM)
    assert set(mine.values_list("actor", "address")) == {("admin:operator", "127.0.0.1")}
    page = operator.get("/admin/audit/entry/?q=a new fan").text
    assert "drained no → yes" in page
    assert "paused no → yes" not in page


def test_the_record_is_append_only(operator: Client) -> None:
    operator.post(reverse("admin:fleet_queue_pause", args=["gui.default"]))
    entry = Entry.objects.get()
    for delete in (entry.delete, Entry.objects.all().delete):
        with pytest.raises(TypeError, match="append-only"):
            delete()
    entry.actor = "nobody"
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        entry.save()
    if connection.vendor == "postgresql":
        with (
            pytest.raises(DatabaseError, match="append-only"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute("DELETE FROM audit_entry")


def test_who_gave_whom_what_is_on_the_record_and_no_password_is(operator: Client) -> None:
    secret = "a-long-enough-passphrase"
    user = {"username": "ada", "usable_password": "true", "password1": secret, "password2": secret}
    operator.post("/admin/auth/user/add/", user)
    ada = User.objects.get(username="ada")
    page = reverse("admin:auth_user_change", args=[ada.pk])
    moment = {"date_joined_0": "2026-01-01", "date_joined_1": "10:00:00"}
    role = DjangoGroup.objects.get(name="operator")
    given = {"username": "ada", "is_active": "on", "is_staff": "on", "groups": [str(role.pk)], **moment}
    assert operator.post(page, given).status_code == 302
    password = {"usable_password": "true", "password1": f"{secret}2", "password2": f"{secret}2"}
    operator.post(reverse("admin:auth_user_password_change", args=[ada.pk]), password)
    operator.post(reverse("admin:auth_user_delete", args=[ada.pk]), {"post": "yes"})
    tenant = Tenant.objects.create(name="acme")
    operator.post(
        reverse("admin:tenants_tenant_change", args=[tenant.pk]),
        {"name": "acme", "weight": "3", "quotas": '{"ocr": {"per_minute": 5}}'},
    )
    found = {entry.action: entry for entry in Entry.objects.all()}
    assert list(found) == ["tenant.change", "staff.delete", "staff.password", "staff.change", "staff.create"]
    assert found["staff.create"].after["roles"] == []
    change = found["staff.change"]
    assert (change.before, change.after) == (
        {"staff": False, "roles": []},
        {"staff": True, "roles": ["operator"]},
    )
    assert found["tenant.change"].before["weight"] == 1
    assert found["tenant.change"].after["quotas"] == {"ocr": {"per_minute": 5}}
    assert secret not in str(list(Entry.objects.values()))

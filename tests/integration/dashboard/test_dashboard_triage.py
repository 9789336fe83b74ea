"""The pages of causes, bulk acts, trends and stuck jobs."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from sightline.audit.models import Entry
from sightline.fleet import burn
from sightline.fleet.models import Minute
from sightline.jobs.models import Job
from sightline.jobs.status import Status
from sightline.triage.models import Bulk, BulkState, Cause, CauseState
from sightline.webhooks.models import Delivery, DeliveryState, Endpoint
from sightline_dashboard.home import charts
from sightline_dashboard.home.database_time import database_now
from sightline_dashboard.seeding import stories
from sightline_dashboard.seeding.writing import Fate

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis_url")]


def text(page: Any) -> str:
    return re.sub(r"\s+", " ", page.content.decode())


def test_the_pages_ask_a_fixed_number_of_queries(
    operator: Client, everything: list[Job], django_assert_max_num_queries: Any
) -> None:
    cause = Cause.objects.get(code="engine_busy")
    for path in (
        "/admin/triage/cause/",
        "/admin/triage/cause/?view=all",
        reverse("admin:triage_cause_change", args=[cause.pk]),
        "/admin/jobs/job/stuck/",
        "/admin/triage/bulk/",
        "/admin/audit/entry/",
        reverse("admin:fleet_minute_charts", args=["day"]),
    ):
        with django_assert_max_num_queries(15):
            assert operator.get(path).status_code == 200, path


def test_the_inbox_holds_what_is_neither_resolved_nor_muted(operator: Client, everything: list[Job]) -> None:
    cause = Cause.objects.get(code="engine_busy")
    act = reverse("admin:triage_cause_act", args=[cause.pk])
    assert "engine_busy" in text(operator.get("/admin/triage/cause/"))
    operator.post(act, {"act": "mute"})
    assert "engine_busy" not in text(operator.get("/admin/triage/cause/"))
    assert "engine_busy" in text(operator.get("/admin/triage/cause/?view=muted"))
    operator.post(act, {"act": "unmute"})
    operator.post(act, {"act": "resolve"})
    assert "engine_busy" in text(operator.get("/admin/triage/cause/?view=resolved"))
    cause.refresh_from_db()
    assert cause.state == CauseState.RESOLVED
    done = Entry.objects.filter(subject=cause.pk, address="127.0.0.1").order_by("id")
    assert [entry.action for entry in done] == ["cause.mute", "cause.mute", "cause.resolve"]
    assert {entry.actor for entry in done} == {"admin:operator"}


def test_a_cause_is_muted_for_as_long_as_somebody_says_and_given_back(
    operator: Client, everything: list[Job]
) -> None:
    cause = Cause.objects.get(code="engine_busy")
    act = reverse("admin:triage_cause_act", args=[cause.pk])
    operator.post(act, {"act": "mute", "hours": "4"})
    cause.refresh_from_db()
    assert cause.muted_until is not None
    assert timedelta(hours=3.9) < cause.muted_until - database_now() <= timedelta(hours=4)
    assert operator.post(act, {"act": "mute", "hours": "9999999"}).status_code == 404
    operator.post(act, {"act": "release"})
    cause.refresh_from_db()
    assert (cause.state, cause.owner) == (CauseState.OPEN, "")


def test_a_cause_is_retried_from_its_row(stage: Any, operator: Client, everything: list[Job]) -> None:
    cause = Cause.objects.get(code="engine_busy")
    page = text(operator.get("/admin/triage/cause/"))
    assert f'name="cause" value="{cause.pk}"' in page
    asked = operator.post("/admin/triage/bulk/freeze/", {"action": "retry", "cause": cause.pk}, follow=True)
    assert "Dry run: nothing has been done" in text(asked)
    assert (Bulk.objects.get().cause, Bulk.objects.get().search) == (cause, f"fingerprint:{cause.pk}")
    viewer = stage.browser_of("viewer", "view_cause")
    assert 'name="cause"' not in text(viewer.get("/admin/triage/cause/"))


def test_what_a_search_finds_is_chosen_counted_and_started(operator: Client, everything: list[Job]) -> None:
    failed = sum(job.status == Status.FAILED for job in everything)
    listed = text(operator.get("/admin/jobs/job/?status__exact=failed"))
    assert 'name="search" value="status:failed"' in listed
    asked = operator.post(
        "/admin/triage/bulk/freeze/", {"action": "retry", "search": "status:failed"}, follow=True
    )
    assert "Dry run: nothing has been done" in text(asked)
    chosen = Bulk.objects.get()
    assert (chosen.total, chosen.state) == (failed, BulkState.FROZEN)
    assert "Retry the first 3, then the rest" in text(asked)
    operator.post(reverse("admin:triage_bulk_run", args=[chosen.pk]), {"reason": "the engine is back"})
    started = Entry.objects.get(action="bulk.retry")
    assert (started.selection, started.reason) == ("status:failed", "the engine is back")
    assert started.after["by_status"] == {"failed": failed}
    chosen.refresh_from_db()
    assert chosen.state == BulkState.CANARY
    operator.post(reverse("admin:triage_bulk_stop", args=[chosen.pk]))
    chosen.refresh_from_db()
    assert (chosen.state, chosen.detail) == (BulkState.STOPPED, "stopped by admin:operator")


def test_a_viewer_sees_causes_and_changes_none(stage: Any, everything: list[Job]) -> None:
    viewer = stage.browser_of("viewer", "view_cause", "view_job", "view_bulk")
    cause = Cause.objects.get(code="engine_busy")
    page = viewer.get(reverse("admin:triage_cause_change", args=[cause.pk]))
    assert page.status_code == 200
    assert "Resolve" not in text(page)
    assert (
        viewer.post(reverse("admin:triage_cause_act", args=[cause.pk]), {"act": "resolve"}).status_code == 403
    )
    assert viewer.post("/admin/triage/bulk/freeze/", {"action": "retry", "search": "a"}).status_code == 403
    assert viewer.get("/admin/audit/entry/").status_code == 403


def test_a_search_that_cannot_be_meant_says_so(operator: Client, everything: list[Job]) -> None:
    page = text(operator.get("/admin/jobs/job/", {"q": "stauts:failed"}))
    assert "stauts" in page
    assert "Known: " in page


def test_trends_join_minutes_and_show_gaps(db: None) -> None:
    now = database_now()
    minute = now.replace(second=0, microsecond=0)
    for back, failed in ((2, 3), (40, 1)):
        Minute.objects.create(
            at=minute - timedelta(minutes=back),
            subject="queue:ocr.default",
            values={"depth": back, "ended": {"succeeded": 4, "failed": failed}},
        )
    found = charts.charts(name="hour", now=now)
    by_id = {chart["id"]: chart["series"] for chart in found["charts"]}
    depth = by_id["depth"][0]
    assert depth["label"] == "ocr.default"
    assert [value for value in depth["data"] if value is not None] == [40.0, 2.0]
    assert len(depth["data"]) == len(found["labels"])
    assert sum(value or 0 for value in by_id["failed"][0]["data"]) == 4
    day = charts.charts(name="day", now=now)
    ended = next(chart for chart in day["charts"] if chart["id"] == "ended")["series"][0]["data"]
    assert sum(value or 0 for value in ended) == pytest.approx(
        8 / 15, abs=0.02
    )  # a minute, over quarters of an hour


def test_burn_tells_how_fast_the_budget_goes(db: None, settings: Any) -> None:
    settings.SLO = {"gui": {"share": 0.95, "start_within_s": 1}}
    now = database_now()
    minute = now.replace(second=0, microsecond=0)
    for back, late in ((1, 20), (30, 0)):
        Minute.objects.create(
            at=minute - timedelta(minutes=back),
            subject="queue:gui.default",
            values={"started": 20, "late": late},
        )
    rates = burn.burn_rates(now=now)["gui.default"]
    assert rates.short == pytest.approx(20)  # all late, of a budget of five in a hundred
    assert rates.long == pytest.approx(10)
    assert not rates.alarming


def test_every_way_to_be_stuck_is_shown_with_its_own_measure(
    stage: Any, operator: Client, settings: Any
) -> None:
    now = database_now()
    settings.ATTEMPT_TIMEOUT_S = 300
    jobs = {
        name: stage.job(stories.click(), Fate(status=status), dice=n)
        for n, (name, status) in enumerate(
            {
                "lapsed": Status.RUNNING,
                "long": Status.RUNNING,
                "deadline": Status.QUEUED,
                "parked": Status.QUEUED,
            }.items()
        )
    }

    def change(name: str, **values: Any) -> None:
        Job.objects.filter(pk=jobs[name].pk).update(**values)

    later = now + timedelta(minutes=5)
    change("lapsed", lease_until=now - timedelta(seconds=40), claimed_at=now)
    change("long", lease_until=later, claimed_at=now - timedelta(seconds=200))
    change("deadline", deadline_at=now - timedelta(seconds=90))
    change("parked", parked_until=now + timedelta(seconds=30))
    page = text(operator.get("/admin/jobs/job/stuck/"))
    titles = ("Database and broker disagree", "Lease lapsed", "Runs far beyond its p99")
    for title in (*titles, "Queued past its deadline", "Retrying now"):
        assert title in page, title
    for job in jobs.values():
        assert job.public_id in page
    for header in ("Lapsed for", "Runs for", "Past for", "Next try in"):
        assert header in page, header


def test_a_webhook_that_was_given_up_is_shown_for_a_day(operator: Client, stage: Any) -> None:
    job = stage.job(stories.click())
    endpoint = Endpoint.objects.create(
        tenant=job.tenant, url="https://example.com/hook", secret="s", events=[], created_at=database_now()
    )
    given_up = Delivery(
        tenant=job.tenant,
        endpoint=endpoint,
        url=endpoint.url,
        type="job.succeeded",
        job_id=job.pk,
        body="{}",
        state=DeliveryState.FAILED,
        tries=9,
        due_at=database_now(),
        created_at=database_now(),
        ended_at=database_now(),
    )
    given_up.save()
    page = text(operator.get("/admin/jobs/job/stuck/"))
    assert "Webhook undelivered" in page
    assert "given up" in page
    Delivery.objects.update(ended_at=database_now() - timedelta(days=2))
    assert "Webhook undelivered" not in text(operator.get("/admin/jobs/job/stuck/"))

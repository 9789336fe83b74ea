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
from sightline_dashboard.home import charts
from sightline_dashboard.home.database_time import database_now

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
    operator.post(reverse("admin:triage_bulk_run", args=[chosen.pk]))
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

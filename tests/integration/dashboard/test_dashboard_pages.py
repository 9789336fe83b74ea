"""Every page renders whatever state the platform is in, with a bounded number of queries."""

import html
import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from sightline.jobs.models import Attempt, Job, JobEvent
from sightline.jobs.status import Status
from sightline.kinds.contract import Reply
from sightline.kinds.registry import KINDS
from sightline.media.models import Media
from sightline.tenants.models import Tenant
from sightline_dashboard.home.database_time import database_now
from sightline_dashboard.seeding import stories
from sightline_dashboard.seeding.troubles import UNPARSEABLE
from sightline_dashboard.seeding.writing import Fate

pytestmark = pytest.mark.django_db

MOST_QUERIES = 15


def test_the_home_page_asks_a_fixed_number_of_queries(
    stage: Any,
    operator: Client,
    everything: list[Job],
    redis_url: str,
    django_assert_max_num_queries: Any,
) -> None:
    with django_assert_max_num_queries(MOST_QUERIES) as queries:
        page = operator.get("/admin/")
    before = len(queries)
    somebody, story = Tenant.objects.create(name="newcomer"), stories.click()
    for number in range(5):
        stage.job(story, dice=number + 10, tenant=somebody)
    with django_assert_max_num_queries(before):
        operator.get("/admin/")
    text = page.content.decode()
    assert "Redis does not answer" not in text
    for word in (*KINDS, "gpu0@node1", "Paused", "Restarting", "engine_died"):
        assert word in text


def test_a_job_of_every_kind_and_status_has_a_page(
    operator: Client,
    everything: list[Job],
    django_assert_max_num_queries: Any,
) -> None:
    seen = set()
    for job in everything:
        with django_assert_max_num_queries(MOST_QUERIES):
            page = operator.get(reverse("admin:jobs_job_change", args=[job.public_id]))
        assert page.status_code == 200
        assert job.public_id in page.content.decode()
        seen.add((job.kind, job.status))
    assert seen == {(kind, status) for kind in KINDS for status in Status}


@pytest.mark.parametrize(
    "path",
    [
        "jobs/job/",
        "jobs/job/?status__exact=failed&kind=gui",
        "jobs/job/?q=tenant:acme+kind:ocr+status:succeeded",
        "jobs/attempt/",
        "jobs/jobevent/",
        "fleet/group/",
        "fleet/queue/",
        "media/media/",
        "media/blockedmedia/",
        "tenants/tenant/",
        "tenants/apikey/",
        "tenants/apikey/add/",
        "auth/user/",
    ],
)
def test_a_list_asks_a_fixed_number_of_queries(
    operator: Client,
    everything: list[Job],
    django_assert_max_num_queries: Any,
    path: str,
) -> None:
    with django_assert_max_num_queries(7) as queries:
        assert operator.get(f"/admin/{path}").status_code == 200
    counted = [query["sql"] for query in queries if "COUNT(" in query["sql"] and "jobs_" in query["sql"]]
    assert counted == []


def test_rows_of_a_job_have_pages_of_their_own(operator: Client, everything: list[Job]) -> None:
    for row in (Attempt.objects.first(), JobEvent.objects.first(), Media.objects.first()):
        assert row is not None
        name = f"admin:{row._meta.app_label}_{row._meta.model_name}_change"
        assert operator.get(reverse(name, args=[row.pk])).status_code == 200


def test_the_list_finds_a_job_by_its_public_id(operator: Client, everything: list[Job]) -> None:
    wanted, other = everything[0], everything[1]
    page = operator.get("/admin/jobs/job/", {"q": wanted.public_id}).content.decode()
    assert wanted.public_id in page
    assert other.public_id not in page
    assert "job_" not in _rows(operator.get("/admin/jobs/job/", {"q": "job_nonsense"}).content.decode())


def test_the_list_finds_jobs_by_tag(operator: Client, everything: list[Job]) -> None:
    page = operator.get("/admin/jobs/job/", {"q": "tag:save-dialog"}).content.decode()
    tagged = {job.public_id for job in everything if "save-dialog" in job.tags}
    assert set(re.findall(r"job_\w{26}", _rows(page))) == tagged


def test_pages_by_key_show_every_job_once(stage: Any, operator: Client) -> None:
    now, story = database_now(), stories.chat()
    made = [
        stage.job(story, dice=number, created=now - timedelta(minutes=10, seconds=number)).public_id
        for number in range(120)
    ]
    found: list[str] = []
    path = "/admin/jobs/job/"
    while path:
        page = operator.get(path).content.decode()
        found += dict.fromkeys(re.findall(r"job_\w{26}", _rows(page)))
        older = re.search(r'<a href="(\?[^"]*before=[^"]*)"', page)
        path = "/admin/jobs/job/" + older[1] if older else ""
    assert found == made
    back = operator.get("/admin/jobs/job/", {"after": str(Job.objects.order_by("pk")[0].pk)})
    assert len(set(re.findall(r"job_\w{26}", _rows(back.content.decode())))) == 50


def test_a_gui_job_is_drawn_in_pixels_of_its_screenshot(stage: Any, operator: Client) -> None:
    story = stories.click()
    job = stage.job(story)
    page = operator.get(reverse("admin:jobs_job_change", args=[job.public_id])).content.decode()
    marker = re.search(r'id="gui-marker" data-x="(\d+)" data-y="(\d+)"', page)
    assert marker is not None
    x1, y1, x2, y2 = story.picture.parts["Save"]
    assert x1 < int(marker[1]) < x2
    assert y1 < int(marker[2]) < y2
    assert f'viewBox="0 0 {story.picture.width} {story.picture.height}"' in page


HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>"


def test_text_of_a_model_is_always_escaped(stage: Any, operator: Client) -> None:
    for story in (stories.chat(), stories.plain_text(), stories.click()):
        text = story.reply.text.replace("Action: ", f"Action: {HOSTILE} ")
        text = text if HOSTILE in text else HOSTILE + text
        job = stage.job(replace(story, reply=Reply(text=text, finish="stop")))
        page = operator.get(reverse("admin:jobs_job_change", args=[job.public_id])).content.decode()
        assert "&lt;script&gt;alert(1)" in page
        assert "<script>alert(1)" not in page
        assert "<img src=x" not in page


def test_a_page_shows_what_the_model_wrote_whatever_the_kind_made_of_it(stage: Any, operator: Client) -> None:
    for dice, story in enumerate((stories.click(), stories.boxes(), stories.chat(), stories.plain_text())):
        job = stage.job(story, dice=dice)
        shown = html.unescape(operator.get(reverse("admin:jobs_job_change", args=[job.public_id])).text)
        assert "The model's text</summary>" in shown, story.kind
        assert story.reply.text.strip() in shown
    failed = stage.job(stories.click(), Fate(status=Status.FAILED, troubles=(UNPARSEABLE,)), dice=9)
    shown = html.unescape(operator.get(reverse("admin:jobs_job_change", args=[failed.public_id])).text)
    assert UNPARSEABLE.said[0] in shown


def test_html_of_a_model_is_locked_into_a_frame(stage: Any, operator: Client) -> None:
    story = stories.html()
    job = stage.job(replace(story, reply=Reply(text=f"```html\n<p>{HOSTILE}</p>\n```", finish="stop")))
    page = operator.get(reverse("admin:jobs_job_change", args=[job.public_id])).content.decode()
    assert 'sandbox=""' in page
    assert "<script>alert(1)" not in page
    frame = operator.get(reverse("admin:jobs_job_html", args=[job.public_id, 1]))
    assert frame["Content-Security-Policy"].startswith("sandbox; default-src 'none'")
    assert frame["X-Frame-Options"] == "SAMEORIGIN"


def test_the_policy_forbids_inline_script(operator: Client) -> None:
    page = operator.get("/admin/")
    rules = dict(rule.split(" ", 1) for rule in page["Content-Security-Policy"].split("; "))
    assert "unsafe-inline" not in rules["script-src"] + rules["style-src"]
    assert rules["default-src"] == "'none'"
    text = page.content.decode()
    assert not re.findall(r"<script(?![^>]*\bsrc=)", text)
    assert not re.findall(r"<style|\sonclick=|\sstyle=", text)


def test_seeding_refuses_a_database_with_jobs(everything: list[Job]) -> None:
    with pytest.raises(CommandError, match="jobs in this database"):
        call_command("seed_jobs")


def test_a_job_whose_image_is_gone_still_has_a_page(stage: Any, operator: Client) -> None:
    job = stage.job(stories.boxes())
    Media.objects.all().delete()
    page = operator.get(reverse("admin:jobs_job_change", args=[job.public_id]))
    assert page.status_code == 200
    assert "not stored any more" in page.content.decode()
    assert operator.get(reverse("admin:jobs_job_image", args=[job.public_id, 0])).status_code == 404


def test_a_list_is_called_what_it_lists_in_the_side_bar_and_in_the_tab(
    operator: Client, everything: list[Job]
) -> None:
    for path, name in (
        ("/admin/jobs/job/", "Jobs"),
        ("/admin/alerts/rule/", "Alerts"),
        ("/admin/triage/cause/", "Errors"),
        ("/admin/tenants/tenant/", "Tenants"),
        ("/admin/auth/user/", "Staff"),
    ):
        page = operator.get(path).text
        header = re.search(r"<h1\b.*?</h1>", page, re.DOTALL)
        assert header is not None
        words = re.sub(r"<[^>]*>", " ", header[0]).split()
        assert words[0] == name, words
        assert "chevron_right" not in words, words
        assert "Select" not in page.partition("</title>")[0], path
    job = operator.get(reverse("admin:jobs_job_change", args=[everything[0].public_id])).text
    assert re.search(r"<h1\b.*?Jobs.*?</h1>", job, re.DOTALL)


def test_a_list_without_rows_says_what_there_is_not_and_how_to_see_all(operator: Client) -> None:
    assert "There are no jobs." in operator.get("/admin/jobs/job/").text
    found = operator.get("/admin/jobs/job/?q=kind:ocr").text
    assert "Nothing matches" in found
    assert "<code>kind:ocr</code>" in found
    assert "Show all jobs" in found
    assert "yielded" not in found
    assert "Add tenant" in operator.get("/admin/tenants/tenant/?q=nobody").text


def test_a_wrong_password_is_told_once(db: None) -> None:
    refused = Client().post("/admin/login/", {"username": "operator", "password": "wrong"}).text
    assert refused.count("errornote") == 1
    assert "Please enter the correct username and password" in refused
    empty = Client().post("/admin/login/", {}).text
    assert "Please correct the errors below." in empty


def test_an_unknown_job_leads_home(operator: Client) -> None:
    for name in ("job_00000000000000000000000000", "job_nonsense", "nonsense"):
        assert operator.get(reverse("admin:jobs_job_change", args=[name])).status_code == 302


def _rows(page: str) -> str:
    """The table of a list, without the search box above it."""
    _, _, below = page.partition('id="result_list"')
    return below.partition("</table>")[0]


def test_an_answer_from_the_cache_leads_to_the_job_that_made_it(stage: Any, operator: Client) -> None:
    first, job = stage.job(stories.click()), stage.job(stories.click(), dice=2)
    Attempt.objects.filter(job=job).delete()
    Job.objects.filter(pk=job.pk).update(served_from="cache", source=first.pk, claimed_at=None)
    text = operator.get(reverse("admin:jobs_job_change", args=[job.public_id])).content.decode()
    assert "None: it was answered from the cache." in text
    assert f'href="{reverse("admin:jobs_job_change", args=[first.public_id])}"' in text


@pytest.mark.parametrize(
    ("list_of", "name"),
    [
        ("audit_entry", "Audit"),
        ("triage_bulk", "Bulk acts"),
        ("fleet_group", "GPU groups"),
        ("jobs_job", "Jobs"),
    ],
)
def test_a_list_has_the_side_bar_s_name_in_the_browser_s_tab(
    operator: Client, list_of: str, name: str
) -> None:
    text = operator.get(reverse(f"admin:{list_of}_changelist")).content.decode()
    title = re.search(r"<title>\s*(.*?)\s*</title>", text, re.DOTALL)
    assert title is not None
    assert html.unescape(title[1]).startswith(name)

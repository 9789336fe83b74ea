"""The list of jobs: suggestions, columns, order, saved views, export."""

import csv
import io
import json
import re
from typing import Any

import pytest
from django.test import Client

from sightline.audit.models import Entry
from sightline.jobs.models import Job
from sightline.triage.models import SavedView

pytestmark = pytest.mark.django_db

LIST = "/admin/jobs/job/"


def shown(page: Any) -> list[str]:
    """The jobs of a list in their order."""
    _, _, below = page.content.decode().partition('id="result_list"')
    return list(dict.fromkeys(re.findall(r"job_\w{26}", below.partition("</table>")[0])))


def save(client: Client, **fields: str) -> Any:
    return client.post(f"{LIST}views/save/", fields)


def test_suggestions_are_for_those_who_see_jobs(stage: Any, everything: list[Job]) -> None:
    answer = stage.browser_of("viewer", "view_job").get(f"{LIST}suggest/", {"q": "kind:o"})
    assert answer.json() == {"suggestions": [{"text": "kind:ocr", "about": ""}]}
    assert stage.browser_of("clerk").get(f"{LIST}suggest/", {"q": "tenant:"}).status_code == 403


def test_a_misspelt_word_shows_nothing_and_says_what_was_meant(
    operator: Client, everything: list[Job]
) -> None:
    page = operator.get(LIST, {"q": "staus:failed"})
    assert shown(page) == []
    assert "Did you mean status:?" in page.content.decode()


def test_the_address_says_which_columns_and_which_order(operator: Client, everything: list[Job]) -> None:
    page = operator.get(LIST, {"columns": "tag_names,worker,nonsense", "oldest": "1", "q": "-status:queued"})
    text = page.content.decode()
    assert "column-worker" in text
    assert "column-tag_names" in text
    assert "column-tenant" not in text
    keys = [job.public_id for job in sorted(everything, key=lambda job: job.pk) if job.status != "queued"]
    assert shown(page) == keys[:50]


def test_pages_from_the_oldest_on_show_every_job_once(
    operator: Client, everything: list[Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    from sightline_dashboard.admin.jobs import JobAdmin

    monkeypatch.setattr(JobAdmin, "list_per_page", 10)
    found: list[str] = []
    path = f"{LIST}?oldest=1"
    while path:
        page = operator.get(path)
        found += shown(page)
        newer = re.search(r'<a href="(\?[^"]*after=[^"]*)" rel="next"', page.content.decode())
        path = LIST + newer[1].replace("&amp;", "&") if newer else ""
    assert found == [job.public_id for job in sorted(everything, key=lambda job: job.pk)]
    back = re.search(r'<a href="(\?[^"]*before=[^"]*)" rel="prev"', page.content.decode())
    assert back is not None
    before = shown(operator.get(LIST + back[1].replace("&amp;", "&")))
    assert before == found[-len(shown(page)) - 10 : -len(shown(page))]


def test_a_view_keeps_search_columns_and_order(stage: Any, everything: list[Job]) -> None:
    viewer = stage.browser_of("viewer", "view_job")
    answer = save(viewer, name="  My   failures ", q="status:failed", columns="worker,name", oldest="1")
    view = SavedView.objects.get()
    assert (view.name, view.columns, view.shared) == ("My failures", ["worker", "name"], False)
    page = viewer.get(answer["Location"])
    text = page.content.decode()
    assert "column-worker" in text
    assert 'aria-current="page"' in text
    failed = [job.public_id for job in sorted(everything, key=lambda job: job.pk) if job.status == "failed"]
    assert shown(page) == failed
    save(viewer, name="My failures", q="status:expired")
    assert SavedView.objects.get().search == "status:expired"
    assert "My failures" in viewer.get(LIST).content.decode()
    other = stage.browser_of("other", "view_job")
    assert "My failures" not in other.get(LIST).content.decode()
    assert other.post(f"{LIST}views/{view.pk}/delete/").status_code == 404
    assert not Entry.objects.filter(action__startswith="view.").exists()  # one's own shelf


def test_a_view_is_shared_by_those_who_may_and_that_is_on_record(stage: Any, everything: list[Job]) -> None:
    assert save(stage.browser_of("viewer", "view_job"), name="All", shared="on").status_code == 403
    operator = stage.browser_of("ada", "view_job", "change_savedview")
    save(operator, name="Night shift", q="tag:nightly", shared="on")
    view = SavedView.objects.get()
    entry = Entry.objects.get(subject="Night shift")
    assert (entry.action, entry.actor, entry.subject, entry.selection) == (
        "view.share",
        "admin:ada",
        "Night shift",
        "tag:nightly",
    )
    reader = stage.browser_of("reader", "view_job")
    assert "Night shift" in reader.get(LIST).content.decode()
    assert reader.post(f"{LIST}views/{view.pk}/delete/").status_code == 403
    second = stage.browser_of("bob", "view_job", "change_savedview")
    assert second.post(f"{LIST}views/{view.pk}/delete/").status_code == 302
    assert not SavedView.objects.exists()
    assert Entry.objects.filter(action="view.delete", actor="admin:bob").exists()


@pytest.mark.parametrize("fields", [{"name": " "}, {"name": "x" * 61}, {"name": "a", "q": "staus:x"}])
def test_a_view_that_could_not_be_shown_is_not_saved(operator: Client, fields: dict[str, str]) -> None:
    assert save(operator, **fields).status_code == 302
    assert not SavedView.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_an_export_holds_all_that_the_search_finds(
    operator: Client, everything: list[Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sightline.api.native.export._PAGE", 7)
    answer = operator.get(f"{LIST}export/", {"format": "csv", "q": "kind:ocr"})
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert answer["Content-Disposition"] == 'attachment; filename="jobs.csv"'
    rows = list(csv.DictReader(io.StringIO(b"".join(answer).decode())))
    wanted = sorted((job for job in everything if job.kind == "ocr"), key=lambda job: job.pk, reverse=True)
    assert [row["id"] for row in rows] == [job.public_id for job in wanted]
    assert {row["tenant"] for row in rows} <= {"acme", "globex", "initech"}
    lines = b"".join(operator.get(f"{LIST}export/", {"format": "jsonl", "q": "kind:ocr"})).splitlines()
    assert [json.loads(line)["id"] for line in lines] == [row["id"] for row in rows]
    assert [entry.selection for entry in Entry.objects.filter(action="jobs.export")] == ["kind:ocr"] * 2


def test_an_export_is_for_those_who_see_jobs(stage: Any, operator: Client, everything: list[Job]) -> None:
    assert stage.browser_of("clerk").get(f"{LIST}export/").status_code == 403
    assert operator.get(f"{LIST}export/", {"format": "xlsx"}).status_code == 404
    assert operator.get(f"{LIST}export/", {"q": "staus:x"}).status_code == 302
    assert not Entry.objects.filter(action="jobs.export").exists()


@pytest.mark.django_db(transaction=True)
def test_a_formula_in_a_tag_stays_a_text(operator: Client, everything: list[Job]) -> None:
    job = everything[0]
    Job.objects.filter(pk=job.pk).update(tags=["=HYPERLINK(1)"])
    answer = operator.get(f"{LIST}export/", {"format": "csv", "q": job.public_id})
    (row,) = csv.DictReader(io.StringIO(b"".join(answer).decode()))
    assert row["tags"] == "'=HYPERLINK(1)"

"""Edit and retry: an ended job is asked something else, by a form that knows its kind."""

import html
import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from support.api import file, png

from sightline.audit.models import Entry
from sightline.ids import new_id
from sightline.jobs.models import Job
from sightline.jobs.status import Status
from sightline.media.models import Media
from sightline_dashboard.seeding import stories
from sightline_dashboard.seeding.troubles import BUSY
from sightline_dashboard.seeding.writing import Fate

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis_url")]

FAILED = Fate(status=Status.FAILED, troubles=(BUSY,))


def edit(job: Job) -> str:
    return reverse("admin:jobs_job_edit", args=[job.public_id])


def page(job: Job) -> str:
    return reverse("admin:jobs_job_change", args=[job.public_id])


def shown(answer: Any) -> dict[str, str]:
    """What a browser would send back of the form: its fields by their names."""
    text = answer.content.decode()
    found = re.findall(r'<textarea name="(\w+)"[^>]*>\n?(.*?)</textarea>', text, re.DOTALL)
    found += re.findall(r'<input type="text" name="(\w+)"(?: value="([^"]*)")?', text)
    for name, options in re.findall(r'<select name="(\w+)"[^>]*>(.*?)</select>', text, re.DOTALL):
        chosen = re.search(r'<option value="([^"]*)" selected', options)
        found.append((name, chosen[1] if chosen else ""))
    return {name: html.unescape(value).replace("\n", "\r\n") for name, value in found}


def sent(operator: Client, job: Job, **changes: str) -> Any:
    """The form as it was shown, with these changes."""
    form = shown(operator.get(edit(job)))
    assert changes.keys() <= form.keys(), form.keys()
    return operator.post(edit(job), {**form, **changes})


def test_a_click_is_asked_for_otherwise_and_the_screenshot_stays(stage: Any, operator: Client) -> None:
    job = stage.job(stories.click(), FAILED)
    assert f'href="{edit(job)}"' in operator.get(page(job)).content.decode()
    answer = sent(operator, job, instruction="Cancel the dialog", temperature="0.3", reason="a typing error")
    assert answer["Location"] == page(job)
    again = Job.objects.get(pk=job.pk)
    assert (again.status, again.params) == (Status.QUEUED, {"temperature": 0.3})
    assert again.input == {**job.input, "instruction": "Cancel the dialog"}
    entry = Entry.objects.get()
    assert (entry.action, entry.actor, entry.reason) == (
        "job.retry_edited",
        "admin:operator",
        "a typing error",
    )
    assert entry.after["changed"] == {"input": ["instruction"], "params": ["temperature"]}


def test_steps_that_were_done_before_are_lines_of_their_own(stage: Any, operator: Client) -> None:
    job = stage.job(stories.click(), FAILED)
    sent(operator, job, history="Opened the menu\r\n\r\nClosed it\r\n", tool="mobile_use")
    again = Job.objects.get(pk=job.pk)
    assert (again.input["history"], again.input["tool"]) == (["Opened the menu", "Closed it"], "mobile_use")


def test_a_page_is_read_for_other_values_and_then_as_text(stage: Any, operator: Client) -> None:
    job = stage.job(stories.kie(), FAILED)
    sent(operator, job, fields="total\r\ndate")
    assert Job.objects.get(pk=job.pk).input["fields"] == ["total", "date"]
    Job.objects.update(status=Status.FAILED)
    template = '{"seller": {"name": ""}}'
    sent(operator, Job.objects.get(), fields=template)
    assert Job.objects.get(pk=job.pk).input["fields"] == {"seller": {"name": ""}}
    Job.objects.update(status=Status.FAILED)
    sent(operator, Job.objects.get(), mode="text")
    again = Job.objects.get(pk=job.pk)
    assert (again.input["mode"], again.input.get("fields")) == ("text", None)


def test_a_chat_is_edited_text_by_text_between_its_images(stage: Any, operator: Client) -> None:
    job = stage.job(stories.chat(), FAILED)
    (message,) = job.input["messages"]
    place = next(n for n, part in enumerate(message["content"]) if part["type"] == "text")
    sent(operator, job, **{f"text_0_{place}": "Which day is the quietest?\r\nOne word."})
    (again,) = Job.objects.get(pk=job.pk).input["messages"]
    assert again["content"][place]["text"] == "Which day is the quietest?\nOne word."
    assert [part for part in again["content"] if part["type"] != "text"] == [
        part for part in message["content"] if part["type"] != "text"
    ]


def test_another_screenshot_and_other_pages_take_the_place_of_the_old_ones(
    stage: Any, operator: Client
) -> None:
    job = stage.job(stories.click(), FAILED)
    form = shown(operator.get(edit(job)))
    sent_once = operator.post(edit(job), {**form, "images": file(png("red"))})
    assert sent_once["Location"] == page(job)
    again = Job.objects.get(pk=job.pk)
    assert again.images != job.images
    assert again.input["images"][0]["media"]["width"] == 64
    assert Entry.objects.get().after["changed"] == {"input": ["images"], "params": []}
    scan = stage.job(stories.plain_text(), FAILED, dice=2)
    form = shown(operator.get(edit(scan)))
    refused = operator.post(edit(scan), {**form, "images": file(b"no image at all")})
    assert refused.status_code == 422
    assert 'id="id_images_error"' in refused.content.decode()
    operator.post(edit(scan), {**form, "images": [file(png("red")), file(png("blue"))]})
    assert len(Job.objects.get(pk=scan.pk).input["images"]) == 2


def test_what_is_wrong_with_an_edit_stands_beside_its_field(stage: Any, operator: Client) -> None:
    job = stage.job(stories.click(), FAILED)
    refused = sent(operator, job, instruction="", temperature="9", top_k="x")
    assert refused.status_code == 422
    assert re.search(r'id="id_top_k_error"[^>]*>Enter a whole number', refused.content.decode())
    refused = sent(operator, job, instruction="", temperature="9")
    text = refused.content.decode()
    assert re.search(r'id="id_instruction_error"[^>]*>String should have at least 1 character', text)
    assert re.search(r'id="id_temperature_error"[^>]*>Input should be less than or equal to 2', text)
    assert re.search(r'name="instruction"[^>]*aria-invalid="true"', text)
    chat = stage.job(stories.chat(), FAILED, dice=2)
    name = next(name for name in shown(operator.get(edit(chat))) if name.startswith("text_"))
    assert f'id="id_{name}_error"' in sent(operator, chat, **{name: "x" * 2_000_000}).content.decode()
    scan = stage.job(stories.kie(), FAILED, dice=3)
    assert 'id="id_fields_error"' in sent(operator, scan, fields='{"seller": ').content.decode()
    assert set(Job.objects.values_list("status", flat=True)) == {Status.FAILED}
    assert not Entry.objects.exists()


def test_an_edit_that_changes_nothing_is_a_plain_retry(stage: Any, operator: Client) -> None:
    job = stage.job(stories.boxes_of_fewer_pixels(), FAILED)
    sent(operator, job)
    again = Job.objects.get(pk=job.pk)
    assert (again.status, again.input, again.params) == (Status.QUEUED, job.input, job.params)
    assert Entry.objects.get().action == "job.retry"


def test_a_job_that_cannot_be_edited_offers_no_edit(stage: Any, operator: Client) -> None:
    good = stage.job(stories.click())
    assert edit(good) not in operator.get(page(good)).content.decode()
    refused = sent(operator, good, instruction="Close it")
    assert "cannot be retried" in refused.content.decode()
    held = stage.job(stories.click(), FAILED, dice=2)
    Job.objects.filter(pk=held.pk).update(session=new_id())
    assert edit(held) not in operator.get(page(held)).content.decode()
    Media.objects.all().delete()
    gone = operator.get(edit(good), follow=True)
    assert "An image of this job is not kept any more." in gone.content.decode()
    assert Job.objects.get(pk=good.pk).status == Status.SUCCEEDED


def test_only_who_may_operate_edits(stage: Any) -> None:
    job = stage.job(stories.click(), FAILED)
    viewer = stage.browser_of("viewer", "view_job")
    assert "Edit and retry" not in viewer.get(page(job)).content.decode()
    assert viewer.get(edit(job)).status_code == 403
    assert viewer.post(edit(job), {"instruction": "Close it"}).status_code == 403
    assert Job.objects.get().status == Status.FAILED
    worker = stage.browser_of("worker", "view_job", "change_job")
    assert sent(worker, job, instruction="Close it").status_code == 302

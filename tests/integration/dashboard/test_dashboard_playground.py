"""The playground's pages, and what they let through."""

import json
import re
import shlex
import uuid
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from support.domain import Domain

from sightline.jobs.models import Job
from sightline.jobs.status import Status
from sightline.media.models import Media
from sightline.tenants.models import Tenant
from sightline_dashboard.playground import run as runs
from sightline_dashboard.seeding import pictures, stories
from sightline_dashboard.seeding.writing import Fate

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis_url")]

PAGE = reverse("admin:jobs_job_playground")
RUNS = reverse("admin:jobs_job_playground_run")
MOST_QUERIES = 15


def shot() -> SimpleUploadedFile:
    return SimpleUploadedFile("window.png", pictures.window().png, content_type="image/png")


def started(browser: Client, *, key: str | None = None, **fields: Any) -> Any:
    """The answer to the form of a gui run."""
    given = {"kind": "gui", "instruction": "Save the file", "image": shot(), **fields}
    headers = {"Idempotency-Key": key} if key else {}
    return browser.post(
        RUNS, {name: value for name, value in given.items() if value is not None}, headers=headers
    )


def refused(answer: Any, status: int, pointer: str | None = None) -> dict[str, Any]:
    assert answer.status_code == status, answer.content
    assert answer["Content-Type"] == "application/problem+json"
    found: dict[str, Any] = answer.json()
    assert pointer is None or [error["pointer"] for error in found["errors"]] == [pointer]
    return found


def text(answer: Any) -> str:
    shown: str = answer.content.decode()
    return re.sub(r"\s+", " ", shown)


def at(name: str, job: Job) -> str:
    return reverse(f"admin:jobs_job_{name}", args=[job.public_id])


def run_of(stage: Any, story: Any, fate: Any = None, **more: Any) -> Job:
    """A run that is in the database already."""
    owner = Tenant.objects.get_or_create(name="playground")[0]
    fates = [fate] if fate else []
    job: Job = stage.job(story, *fates, tenant=owner, **more)
    return job


# --- starting -------------------------------------------------------------------------------------------------------


def test_a_run_is_a_real_job_of_the_playgrounds_tenant(operator: Client) -> None:
    answer = started(operator, temperature="0.5", pixels='{"max": 1310720}', cache='{"mode": "off"}')
    assert answer.status_code == 201
    job = Job.objects.get()
    assert (job.tenant.name, job.api_key, job.kind, job.status) == ("playground", None, "gui", Status.QUEUED)
    assert job.input["instruction"] == "Save the file"
    assert job.params == {"temperature": 0.5, "pixels": {"max": 1_310_720}}
    assert (job.tags, job.metadata, job.cache_mode) == (["playground"], {"operator": "operator"}, "")
    found = answer.json()
    assert (found["id"], found["status"], found["queue"]["position"]) == (job.public_id, "queued", 1)
    assert found["links"]["events"] == at("events", job)
    assert found["links"]["share"] == f"{PAGE}?run={job.public_id}"


def test_the_tenant_is_made_with_quotas_that_are_kept_when_somebody_changes_them(operator: Client) -> None:
    started(operator)
    owner = Tenant.objects.get(name="playground")
    assert owner.quotas["*"]["per_minute"] > 0
    Tenant.objects.filter(pk=owner.pk).update(quotas={"gui": {"in_flight": 1}})
    found = refused(started(operator, instruction="Another"), 429)
    assert found["retryable"]
    assert Job.objects.count() == 1


def test_the_same_request_sent_twice_is_one_run(operator: Client) -> None:
    key = str(uuid.uuid4())
    first, second = started(operator, key=key).json(), started(operator, key=key).json()
    assert first["id"] == second["id"]
    assert Job.objects.count() == 1


def test_what_is_wrong_names_its_field(operator: Client) -> None:
    found = refused(started(operator, image=None), 422, "/input/images")
    assert "Add a screenshot" in found["errors"][0]["detail"]
    refused(started(operator, temperature="9"), 422, "/params/temperature")
    refused(started(operator, model="nobody"), 422, "/model")
    refused(started(operator, image=SimpleUploadedFile("a.png", b"no picture")), 415)
    assert not Job.objects.exists()


@pytest.mark.parametrize("name", ["tags", "metadata", "stream", "webhook", "retention_s", "max_attempts"])
def test_nobody_passes_what_the_playground_says_itself(operator: Client, name: str) -> None:
    refused(started(operator, **{name: '{"url": "https://example.com"}'}), 422)
    assert not Job.objects.exists()


def test_a_run_takes_the_images_of_an_earlier_one_but_nobody_elses(stage: Any, operator: Client) -> None:
    stage.job(stories.click())  # another tenant's
    theirs = Media.objects.get()
    image = json.dumps([{"upload_id": theirs.public_id}])
    refused(started(operator, image=None, images=image), 422)
    job = run_of(stage, stories.click(), dice=2)
    ours = Media.objects.get(tenant=job.tenant)
    assert (
        started(operator, image=None, images=json.dumps([{"upload_id": ours.public_id}])).status_code == 201
    )


def test_only_who_may_operate_starts_and_cancels_runs(stage: Any) -> None:
    waiting = run_of(stage, stories.click(), Fate(status=Status.QUEUED))
    viewer = stage.browser_of("viewer", "view_job")
    refused(started(viewer), 403)
    refused(viewer.post(at("playground_cancel", waiting)), 403)
    refused(stage.browser_of("nobody").get(at("playground_state", waiting)), 403)
    assert started(stage.browser_of("stranger", staff=False)).status_code == 302  # to the login
    assert Job.objects.count() == 1
    worker = stage.browser_of("worker", "view_job", "change_job")
    assert started(worker).status_code == 201
    assert worker.get(at("playground_cancel", waiting)).status_code == 405
    assert worker.post(at("playground_cancel", waiting)).status_code == 204
    waiting.refresh_from_db()
    assert waiting.status == Status.CANCELLED
    assert waiting.events.get(type="job.cancelled").actor == "admin:worker"


def test_a_run_is_started_with_the_forms_token_alone(operator: Client) -> None:
    checked = Client(enforce_csrf_checks=True)
    checked.cookies = operator.cookies
    assert started(checked).status_code == 403
    assert not Job.objects.exists()


# --- looking --------------------------------------------------------------------------------------------------------


def test_the_page_offers_kinds_models_and_the_latest_runs(
    stage: Any, operator: Client, django_assert_max_num_queries: Any
) -> None:
    run_of(stage, stories.click())
    with django_assert_max_num_queries(MOST_QUERIES):
        shown = text(operator.get(PAGE))
    assert "Nothing has run yet" in shown
    assert '<option value="default" selected>' in shown
    assert "Save the file" in shown
    assert not re.findall(r"<script(?![^>]*\bsrc=)", shown)


def test_a_shared_run_shows_its_form_and_its_result(
    stage: Any, operator: Client, django_assert_max_num_queries: Any
) -> None:
    job = run_of(stage, stories.kie())
    with django_assert_max_num_queries(MOST_QUERIES):
        shown = text(operator.get(PAGE, {"run": job.public_id}))
    assert re.search(r'value="ocr" checked', shown)
    assert 'value="invoice_number, total, date"' in shown
    assert "4711" in shown
    assert f'data-upload="{Media.objects.get().public_id}"' in shown
    assert 'data-ended="yes"' in shown


@pytest.mark.parametrize("story", stories.ALL)
def test_every_result_is_drawn_as_the_jobs_page_draws_it(stage: Any, operator: Client, story: Any) -> None:
    job = run_of(stage, story())
    part = operator.get(at("playground_result", job))
    assert part.status_code == 200
    drawn = text(part)
    assert "<html" not in drawn
    whole = text(operator.get(at("change", job)))
    (panel,) = re.findall(
        r'<section class="sl-panel" aria-labelledby="h-(?:result|page-1)">.*?</section>', drawn
    )
    assert panel in whole


def test_a_failed_run_says_why(stage: Any, operator: Client) -> None:
    job = run_of(stage, stories.click(), Fate(status=Status.CANCELLED, actor="admin:operator"))
    assert "The job was cancelled." in text(operator.get(at("playground_result", job)))


def test_the_place_of_a_run_is_told_while_it_waits(operator: Client) -> None:
    found = started(operator).json()
    assert operator.get(found["links"]["state"]).json()["queue"]["position"] == 1
    domain = Domain()
    claim = domain.claimed("gui.default")
    assert operator.get(found["links"]["state"]).json()["queue"] is None
    domain.finish(claim)
    assert operator.get(found["links"]["state"]).json()["ended"]


def test_another_tenants_job_is_no_run(stage: Any, operator: Client) -> None:
    job = stage.job(stories.click())
    assert operator.get(PAGE, {"run": job.public_id}).status_code == 404
    refused(operator.get(at("playground_state", job)), 404)
    refused(operator.get(at("playground_result", job)), 404)
    refused(operator.post(at("playground_cancel", job)), 404)


def test_a_viewer_looks_at_a_shared_run(stage: Any) -> None:
    job = run_of(stage, stories.click())
    shown = text(stage.browser_of("viewer", "view_job").get(PAGE, {"run": job.public_id}))
    assert "You may look at runs, but not start any." in shown
    assert re.search(r'<fieldset class="pg-set" disabled>', shown)
    assert "Replay…" not in shown
    assert stage.browser_of("nobody").get(PAGE).status_code == 403


def test_without_a_playground_there_is_no_page_and_no_link(operator: Client, settings: Any) -> None:
    assert PAGE in text(operator.get("/admin/"))
    settings.PLAYGROUND = False
    assert operator.get(PAGE).status_code == 404
    refused(started(operator), 404)
    assert PAGE not in text(operator.get("/admin/"))


# --- the copied command ---------------------------------------------------------------------------------------------


def test_the_copied_command_asks_for_the_same(stage: Any, operator: Client) -> None:
    hostile = "Say 'yes'; $(rm -rf /) @file <file"
    answer = started(operator, instruction=hostile, temperature="0.5", pixels='{"max": 4096}')
    assert answer.status_code == 201
    words = shlex.split(runs.curl(Job.objects.get(), base_url="http://host"))
    assert words[:3] == ["curl", "-sS", "http://host/api/v1/jobs"]
    given = [words[place + 1] for place, word in enumerate(words) if word == "--form-string"]
    assert f"instruction={hostile}" in given
    assert {"kind=gui", "temperature=0.5", 'pixels={"max": 4096}', "tool=computer_use"} <= set(given)
    assert words[-2:] == ["-F", "image=@image-1.png"]

"""Who may look, and who may act."""

import io
from itertools import pairwise
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import reverse
from PIL import Image

from sightline.fleet.models import Queue
from sightline.jobs.models import Job
from sightline.jobs.status import Status
from sightline_dashboard import roles
from sightline_dashboard.seeding import stories
from sightline_dashboard.seeding.writing import Fate

pytestmark = pytest.mark.django_db

PATHS = ["/admin/", "/admin/jobs/job/", "/admin/media/media/", "/admin/tenants/apikey/"]


@pytest.mark.parametrize("path", PATHS)
def test_strangers_are_sent_to_the_sign_in_page(path: str) -> None:
    answer = Client().get(path)
    assert answer.status_code == 302
    assert answer["Location"].startswith("/admin/login/")


@pytest.mark.parametrize("path", PATHS)
def test_people_who_are_not_staff_are_sent_to_the_sign_in_page(stage: Any, path: str) -> None:
    answer = stage.browser_of("visitor", "view_job", staff=False).get(path)
    assert answer["Location"].startswith("/admin/login/")


def test_images_are_for_staff_who_may_see_jobs(stage: Any) -> None:
    job = stage.job(stories.click())
    path = reverse("admin:jobs_job_image", args=[job.public_id, 0])
    for stranger in (Client(), stage.browser_of("visitor", "view_job", staff=False)):
        assert stranger.get(path)["Location"].startswith("/admin/login/")
    assert stage.browser_of("clerk").get(path).status_code == 403
    image = stage.browser_of("viewer", "view_job", "view_media").get(path)
    assert image.status_code == 200
    assert image["Content-Type"] == "image/png"
    assert image["Cache-Control"].startswith("private")
    assert image["Content-Security-Policy"].startswith("sandbox; default-src 'none'")
    assert image.content.startswith(b"\x89PNG")


def test_who_may_not_see_media_sees_where_and_not_what(stage: Any) -> None:
    story = stories.click()
    path = reverse("admin:jobs_job_image", args=[stage.job(story).public_id, 0])
    image = stage.browser_of("viewer", "view_job").get(path)
    assert (image.status_code, image["Content-Type"]) == (200, "image/jpeg")
    with Image.open(io.BytesIO(image.content)) as soft:
        assert abs(soft.width / soft.height - story.picture.width / story.picture.height) < 0.02
        # Text is gone: no two neighbours differ as ink and paper do.
        row = list(soft.convert("L").crop((0, soft.height // 2, soft.width, soft.height // 2 + 1)).tobytes())
    assert max(abs(a - b) for a, b in pairwise(row)) < 40


def test_roles_are_there_and_grow(stage: Any) -> None:
    roles.make()
    names = {
        role: set(Group.objects.get(name=role).permissions.values_list("codename", flat=True))
        for role in (roles.VIEWER, roles.OPERATOR, roles.ADMINISTRATOR)
    }
    assert names["viewer"] < names["operator"] < names["administrator"]
    assert "view_media" not in names["viewer"]
    assert {"change_job", "change_cause", "view_media"} <= names["operator"]
    assert "view_entry" in names["administrator"] - names["operator"]


def test_the_file_of_an_image_is_for_staff_who_may_see_media(stage: Any) -> None:
    job = stage.job(stories.click())
    from sightline.media.models import Media

    path = reverse("admin:media_media_file", args=[Media.objects.get(tenant=job.tenant).pk])
    assert Client().get(path).status_code == 302
    assert stage.browser_of("clerk", "view_job").get(path).status_code == 403
    assert stage.browser_of("viewer", "view_media").get(path).status_code == 200


def test_jobs_cannot_be_added_changed_or_deleted_by_a_form(stage: Any, operator: Client) -> None:
    job = stage.job(stories.click())
    assert operator.get("/admin/jobs/job/add/").status_code == 403
    assert operator.get(f"/admin/jobs/job/{job.pk}/delete/").status_code == 403
    operator.post(reverse("admin:jobs_job_change", args=[job.public_id]), {"status": "failed"})
    assert Job.objects.get(pk=job.pk).status == Status.SUCCEEDED


def test_a_viewer_sees_no_actions_and_may_not_act(stage: Any, redis_url: str) -> None:
    job = stage.job(stories.click(), Fate(status=Status.QUEUED))
    viewer = stage.browser_of("viewer", "view_job", "view_queue", "view_group")
    page = viewer.get(reverse("admin:jobs_job_change", args=[job.public_id])).content.decode()
    assert "Cancel" not in page
    assert viewer.post(reverse("admin:jobs_job_cancel", args=[job.public_id])).status_code == 403
    assert viewer.post(reverse("admin:fleet_queue_pause", args=["gui.default"])).status_code == 403
    assert viewer.post(reverse("admin:fleet_group_drain", args=["gpu0@node1"])).status_code == 403
    assert Job.objects.get(pk=job.pk).status == Status.QUEUED
    assert not Queue.objects.exists()


def test_nothing_is_operated_by_a_link(stage: Any, operator: Client, redis_url: str) -> None:
    job = stage.job(stories.click(), Fate(status=Status.QUEUED))
    for path in (
        reverse("admin:jobs_job_cancel", args=[job.public_id]),
        reverse("admin:jobs_job_retry", args=[job.public_id]),
        reverse("admin:fleet_queue_pause", args=["gui.default"]),
        reverse("admin:fleet_group_drain", args=["gpu0@node1"]),
    ):
        assert operator.get(path).status_code == 405
    assert Job.objects.get(pk=job.pk).status == Status.QUEUED


def test_a_forged_form_is_refused(stage: Any) -> None:
    job = stage.job(stories.click(), Fate(status=Status.QUEUED))
    browser = stage.browser_of("operator", "view_job", "change_job")
    browser.handler.enforce_csrf_checks = True
    assert browser.post(reverse("admin:jobs_job_cancel", args=[job.public_id])).status_code == 403
    assert Job.objects.get(pk=job.pk).status == Status.QUEUED

"""Jobs whose images are URLs: fetched in the queue `prepare`, bound, and handed on to their kind's queue."""

import base64
import io
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from PIL import Image
from support.domain import GPU0
from support.site import Site, answer, serving

from sightline.cache import revisions
from sightline.celery import PREPARE
from sightline.fleet.models import Group, Intake
from sightline.jobs.models import Job
from sightline.jobs.services.cancel import cancel
from sightline.jobs.services.sweep import expire_deadlines
from sightline.jobs.status import Status
from sightline.kinds.images import bound_media
from sightline.media.models import BlockedMedia, Media
from sightline.tenants import keys
from sightline.webhooks.models import Delivery
from sightline_workers.leases import Leases
from sightline_workers.preparing import Preparer

Domain = Any


class QuietLeases(Leases):
    """No heartbeat: a lease outlives these attempts, and its connection would outlive the tests' database."""

    def _start(self) -> None:
        pass


def png(colour: str = "red") -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (64, 48), colour).save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def site(settings: Any) -> Iterator[Site]:
    settings.ALLOWED_NETWORKS = ("127.0.0.0/8",)
    with serving() as site:
        site.pages["/a.png"] = answer(png())
        site.pages["/b.png"] = answer(png("blue"))
        yield site


@pytest.fixture
def api(domain: Domain) -> Any:
    """POST a job as the tenant `acme`."""
    _, key = keys.create(tenant="acme", name="tests")
    client = Client()

    def post(body: dict[str, Any]) -> Any:
        return client.post(
            "/api/v1/jobs", body, content_type="application/json", headers={"Authorization": f"Bearer {key}"}
        )

    return post


@pytest.fixture(scope="module")
def preparer() -> Preparer:
    return Preparer(leases=QuietLeases("cpu@tests"))


def prepare(preparer: Preparer) -> dict[str, str] | None:
    return preparer.run_next(queue=PREPARE, celery_task_id="")


def ocr(*urls: str, **more: Any) -> dict[str, Any]:
    return {"kind": "ocr", "input": {"mode": "text", "images": [{"url": url} for url in urls]}, **more}


def accepted(response: Any) -> Job:
    assert response.status_code == 202, response.content
    return Job.objects.latest("id")


def test_a_job_by_url_waits_in_prepare_and_then_takes_its_turn_with_its_kind(
    domain: Domain, api: Any, site: Site, preparer: Preparer
) -> None:
    job = accepted(api(ocr(site.url("/a.png"), site.url("/b.png"))))
    assert (job.queue, job.prepared, job.images) == (PREPARE, False, [])
    assert site.seen == []  # the web process fetched nothing
    assert prepare(preparer) == {"job": job.public_id, "status": "queued"}
    job.refresh_from_db()
    assert (job.queue, job.prepared, job.status) == ("ocr.default", True, Status.QUEUED)
    assert [(m["width"], m["height"]) for m in bound_media(job.input)] == [(64, 48)] * 2
    assert len(set(job.images)) == 2
    assert domain.events(job) == ["job.queued", "job.started", "job.prepared"]
    taken = domain.claimed()
    assert (taken.job_id, taken.run) == (job.pk, 2)
    assert domain.finish(taken)


def test_data_and_urls_mix_and_keep_their_order(
    domain: Domain, api: Any, site: Site, preparer: Preparer
) -> None:
    import base64

    data = "data:image/png;base64," + base64.b64encode(png("green")).decode()
    text = {"type": "text", "text": "Compare."}
    parts = [{"type": "image_url", "image_url": {"url": url}} for url in (data, site.url("/a.png"))]
    body = {"kind": "chat", "input": {"messages": [{"role": "user", "content": [text, *parts]}]}}
    job = accepted(api(body))
    assert "base64" not in str(job.input)
    prepare(preparer)
    job.refresh_from_db()
    stored = {row.sha256: row.pixel_sha256 for row in Media.objects.all()}
    assert [stored[m["sha256"]] for m in bound_media(job.input)] == job.images
    assert len(set(job.images)) == 2
    assert [part["type"] for part in job.input["messages"][0]["content"]] == ["text", "image", "image"]


@pytest.mark.parametrize(
    ("page", "code"),
    [
        (answer(b"no", 404), "invalid_input"),
        (answer(b"<html>"), "unsupported_media"),
        (answer(b"", 302, Location="http://169.254.169.254/"), "invalid_input"),
    ],
)
def test_what_can_never_be_fetched_fails_the_job_and_names_the_field(
    domain: Domain, api: Any, site: Site, preparer: Preparer, page: Any, code: str
) -> None:
    site.pages["/bad"] = page
    job = accepted(api(ocr(site.url("/a.png"), site.url("/bad"))))
    assert prepare(preparer) == {"job": job.public_id, "status": "failed"}
    job.refresh_from_db()
    assert job.error is not None
    assert (job.error["code"], job.error["retryable"]) == (code, False)
    assert job.error["pointer"] == "/input/images/1/url"


@pytest.mark.parametrize(
    "url", ["http://10.0.0.1/", "http://169.254.169.254/latest", "http://2130706433/", "http://[::1]/"]
)
def test_a_private_address_is_refused_at_the_door(domain: Domain, api: Any, url: str) -> None:
    response = api(ocr(url))
    assert response.status_code == 422
    assert response.json()["errors"][0]["pointer"] == "/input/images/0/url"
    assert not Job.objects.exists()


def test_a_server_that_is_busy_is_asked_again_and_then_given_up(
    domain: Domain, api: Any, site: Site, preparer: Preparer
) -> None:
    site.pages["/busy"] = answer(b"", 503)
    job = accepted(api(ocr(site.url("/busy"), max_attempts=2)))
    assert prepare(preparer) == {"job": job.public_id, "status": "queued"}
    job.refresh_from_db()
    assert job.parked_until is not None
    assert prepare(preparer) is None
    Job.objects.update(parked_until=None)
    assert prepare(preparer) == {"job": job.public_id, "status": "failed"}
    job.refresh_from_db()
    assert job.error is not None
    assert (job.error["code"], job.error["retryable"]) == ("media_unavailable", True)


def test_after_trouble_with_fetching_the_engine_gets_all_its_tries(
    domain: Domain, api: Any, site: Site, preparer: Preparer
) -> None:
    site.pages["/moody"] = answer(b"", 500)
    job = accepted(api(ocr(site.url("/moody"))))
    prepare(preparer)
    site.pages["/moody"] = answer(png())
    Job.objects.update(parked_until=None)
    prepare(preparer)
    job.refresh_from_db()
    assert (job.queue, job.tries, job.run) == ("ocr.default", 0, 2)


def test_a_picture_that_is_quarantined_is_refused_after_the_fetch(
    domain: Domain, api: Any, site: Site, preparer: Preparer
) -> None:
    first = accepted(api(ocr(site.url("/a.png"))))
    prepare(preparer)
    first.refresh_from_db()
    BlockedMedia.objects.create(pixel_sha256=first.images[0], reason="killed engines")
    job = accepted(api(ocr(site.url("/a.png"))))
    assert prepare(preparer) == {"job": job.public_id, "status": "failed"}
    job.refresh_from_db()
    assert job.error is not None
    assert job.error["code"] == "poisoned_input"


def test_a_job_that_is_cancelled_while_its_image_is_fetched_stays_cancelled(
    domain: Domain, api: Any, site: Site, preparer: Preparer
) -> None:
    go_on = threading.Event()

    def slow(handler: Any) -> None:
        assert go_on.wait(30)
        answer(png())(handler)

    site.pages["/slow"] = slow
    job = accepted(api(ocr(site.url("/slow"))))
    thread = threading.Thread(target=_prepare_and_close, args=[preparer])
    thread.start()
    site.wait_for(1)
    assert cancel(job=job, actor="tests")
    go_on.set()
    thread.join(30)
    job.refresh_from_db()
    assert (job.status, job.queue) == (Status.CANCELLED, PREPARE)
    assert domain.events(job)[-1] == "job.cancelled"


def _prepare_and_close(preparer: Preparer) -> None:
    from django.db import connection

    try:
        prepare(preparer)
    finally:
        connection.close()


def test_the_deadline_ends_a_fetch(domain: Domain, api: Any, site: Site, preparer: Preparer) -> None:
    site.pages["/never"] = lambda handler: site.released.wait(30) and None
    job = accepted(api(ocr(site.url("/never"), deadline_ms=400)))
    assert prepare(preparer) == {"job": job.public_id, "status": "expired"}


def test_the_deadline_ends_a_job_that_waits_for_its_fetch(domain: Domain, api: Any, site: Site) -> None:
    from sightline.clock import After

    job = accepted(api(ocr(site.url("/a.png"), deadline_ms=60_000)))
    Job.objects.update(deadline_at=After(-1))
    assert expire_deadlines() == 1
    job.refresh_from_db()
    assert job.status == Status.EXPIRED


def test_a_worker_that_dies_while_fetching_makes_nobody_a_suspect(
    domain: Domain, api: Any, site: Site
) -> None:
    from sightline.jobs.services.sweep import reclaim_lapsed

    job = accepted(api(ocr(site.url("/a.png"))))
    for number in range(settings.MAX_CRASHES):
        Job.objects.update(parked_until=None)
        domain.lapse(domain.claimed(PREPARE, worker=f"cpu-{number}"))
        assert reclaim_lapsed() == 1
        job.refresh_from_db()
        assert (job.queue, job.suspect) == (PREPARE, False)
    assert job.status == Status.FAILED


def test_a_job_that_failed_to_fetch_can_be_tried_again(
    domain: Domain, api: Any, site: Site, preparer: Preparer
) -> None:
    from sightline.jobs.services.retry import retry

    site.pages["/late"] = answer(b"", 404)
    job = accepted(api(ocr(site.url("/late"))))
    prepare(preparer)
    site.pages["/late"] = answer(png())
    job.refresh_from_db()
    assert retry(job=job, actor="tests").queue == PREPARE
    prepare(preparer)
    job.refresh_from_db()
    assert (job.queue, job.status) == ("ocr.default", Status.QUEUED)


def test_explain_says_that_the_images_are_still_to_be_fetched(domain: Domain, api: Any, site: Site) -> None:
    from sightline.api.native.explanation import explain

    job = accepted(api(ocr(site.url("/a.png"))))
    shown = explain(job)
    assert (shown["queue"], shown["position"], shown["blocking"]["cause"]) == (PREPARE, 1, "preparing")


@pytest.fixture
def revised(domain: Domain) -> str:
    """A group that says which revision of the model it serves, without which nothing is used again."""
    domain.group(Intake.OPEN)
    Group.objects.update(revision="r" * 12)
    revisions.forget()
    return GPU0


def test_a_picture_by_url_finds_the_answer_that_its_bytes_had(
    domain: Domain, api: Any, site: Site, preparer: Preparer, revised: str
) -> None:
    accepted(api(ocr(site.url("/a.png"))))
    prepare(preparer)
    assert domain.finish(domain.claimed(group=revised), "Hello")
    site.pages["/copy.png"] = answer(png())
    again = accepted(api(ocr(site.url("/copy.png"), webhook={"url": "https://example.com/hook"})))
    assert prepare(preparer) == {"job": again.public_id, "status": "succeeded"}
    again.refresh_from_db()
    assert (again.status, again.served_from, again.output) == (Status.SUCCEEDED, "cache", {"text": "Hello"})
    assert (again.prepared, again.lease_until, len(again.images)) == (True, None, 1)
    assert domain.events(again) == ["job.queued", "job.started", "job.prepared", "job.succeeded"]
    assert Delivery.objects.get().job_id == again.pk
    data = "data:image/png;base64," + base64.b64encode(png()).decode()
    hit = api({"kind": "ocr", "input": {"mode": "text", "images": [{"data": data}]}})
    assert (hit.status_code, hit.json()["served_from"]) == (200, "cache")


def test_pictures_by_url_that_arrive_together_are_read_once(
    domain: Domain, api: Any, site: Site, preparer: Preparer, revised: str
) -> None:
    jobs = [accepted(api(ocr(site.url("/a.png")))) for _ in range(3)]
    for _ in jobs:
        prepare(preparer)
    assert domain.finish(domain.claimed(group=revised), "Hello")
    assert domain.claim(group=revised) is None
    for job in jobs:
        job.refresh_from_db()
    assert [job.served_from for job in jobs] == ["engine", "coalesced", "coalesced"]
    assert {str(job.output) for job in jobs} == {"{'text': 'Hello'}"}

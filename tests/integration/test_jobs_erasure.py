"""Erasing a job, and what is deleted because nobody keeps it any longer."""

import io
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from PIL import Image

from sightline import redis_client
from sightline.clock import After
from sightline.errors import Conflict
from sightline.events.live import stream_key
from sightline.jobs.claims import Failure
from sightline.jobs.models import Attempt, Job, JobMedia
from sightline.jobs.services import sweep
from sightline.jobs.services.erase import erase
from sightline.jobs.services.fail import fail
from sightline.jobs.services.links import ImageErased
from sightline.jobs.status import AttemptOutcome, Status
from sightline.media import services as media
from sightline.media import storage, unused
from sightline.media.models import Media


def image(domain: Any, colour: str = "white", tenant: str = "acme") -> Media:
    buffer = io.BytesIO()
    Image.new("RGB", (64, 48), colour).save(buffer, "PNG")
    return media.ingest(tenant=domain.tenant(tenant), data=buffer.getvalue())


def ended(domain: Any, *images: Media, **more: Any) -> Job:
    job: Job = domain.submit(media=tuple(item.pk for item in images), **more)
    assert domain.finish(domain.claimed())
    job.refresh_from_db()
    return job


def test_an_erased_job_takes_its_image_its_events_and_its_text_along(domain: Any) -> None:
    picture = image(domain)
    job = ended(domain, picture, tags=["a"])
    text = stream_key(job.pk, Job.objects.get(pk=job.pk).fence)
    redis_client.client().xadd(text, {"text": "secret"})
    erase(job=job, actor="tests")
    job.refresh_from_db()
    assert (job.input, job.output, job.tags) == ({}, None, [])
    assert domain.events(job) == ["job.erased"]
    assert not redis_client.client().exists(text)
    assert not Media.objects.exists()
    assert not storage.exists(picture.file)
    erase(job=job, actor="tests")
    assert domain.events(job) == ["job.erased"]


def test_an_erased_job_takes_along_what_the_model_wrote_of_it(domain: Any) -> None:
    job = domain.submit()
    nonsense = ("Action: press the blue\x00 button", "secret")
    failure = Failure(
        outcome=AttemptOutcome.PERMANENT, code="output_unparseable", message="secret", said=nonsense
    )
    assert fail(claim=domain.claimed(), failure=failure) == Status.FAILED
    assert Attempt.objects.get().said == ["Action: press the blue\ufffd button", "secret"]
    erase(job=job, actor="tests")
    attempt = Attempt.objects.get()
    assert (attempt.said, attempt.message) == (None, "")


def test_an_image_that_another_job_holds_stays(domain: Any) -> None:
    shared, own = image(domain), image(domain, "red")
    first, second = ended(domain, shared, own), ended(domain, shared)
    erase(job=first, actor="tests")
    assert list(Media.objects.all()) == [shared]
    erase(job=second, actor="tests")
    assert not Media.objects.exists()


def test_an_active_job_is_not_erased(domain: Any) -> None:
    job = domain.submit(media=(image(domain).pk,))
    with pytest.raises(Conflict):
        erase(job=job, actor="tests")
    assert Media.objects.exists()


def test_a_job_is_not_accepted_with_an_image_that_was_erased_meanwhile(domain: Any) -> None:
    picture = image(domain)
    assert media.erase(media=picture)
    with pytest.raises(ImageErased):
        domain.submit(media=(picture.pk,))
    assert not Job.objects.exists()


def test_a_submission_and_an_erasure_at_once_leave_no_job_without_its_image(
    domain: Any, in_parallel: Any
) -> None:
    for _ in range(5):
        Job.objects.all().delete()
        picture = image(domain)
        job = ended(domain, picture)

        def act(number: int, job: Job = job, picture: Media = picture) -> bool:
            if number == 0:
                erase(job=job, actor="tests")
                return True
            try:
                domain.submit(media=(picture.pk,))
            except ImageErased:
                return False
            return True

        _, accepted = in_parallel(2, act)
        assert Media.objects.filter(pk=picture.pk).exists() == accepted
        assert JobMedia.objects.filter(media_id=picture.pk).exists() == accepted


def test_retention_deletes_what_is_due_and_reads_nothing_else(domain: Any) -> None:
    due = [ended(domain, retention_s=60) for _ in range(2)]
    kept = [ended(domain, retention_s=retention_s) for retention_s in (3_600, 7_200, 10_000)]
    waiting = domain.submit(retention_s=60)
    Job.objects.filter(pk__in=[job.pk for job in (*due, *kept)]).update(ended_at=After(-1_000))
    with CaptureQueriesContext(connection) as captured:
        assert sweep.apply_retention() == 2
    assert set(Job.objects.all()) == {*kept, waiting}
    looks = [
        query["sql"] for query in captured if query["sql"].startswith("SELECT") and "ended_at" in query["sql"]
    ]
    assert len([sql for sql in looks if "LIMIT" in sql]) == 1, "only the one retention that is due is read"
    assert sweep.apply_retention() == 0


@pytest.mark.only_on("sqlite")
def test_retention_reads_its_index(domain: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "EXPLAIN QUERY PLAN SELECT id FROM jobs_job WHERE retention_s = %s AND ended_at IS NOT NULL"
            " AND ended_at < %s ORDER BY ended_at LIMIT 500",
            [60, "2026"],
        )
        plan = " ".join(str(row[3]) for row in cursor.fetchall())
    assert "job_retention" in plan
    assert "TEMP B-TREE" not in plan


def forgotten(*items: Media) -> None:
    Media.objects.filter(pk__in=[item.pk for item in items]).update(
        last_used_at=timezone.now() - timedelta(seconds=settings.UPLOAD_RETENTION_S + 10)
    )


def test_an_upload_that_nothing_refers_to_is_deleted_after_a_while(domain: Any) -> None:
    lost, young, used = image(domain), image(domain, "red"), image(domain, "blue")
    domain.submit(media=(used.pk,))
    forgotten(lost, used)
    assert unused.Rounds(unused_s=settings.UPLOAD_RETENTION_S).look() == 1
    assert set(Media.objects.all()) == {young, used}
    assert not storage.exists(lost.file)


def test_rounds_go_through_all_images_however_many_are_in_use(
    domain: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unused, "LOOKED_AT", 2)
    used = [image(domain, colour) for colour in ("red", "green", "blue", "black")]
    domain.submit(media=tuple(item.pk for item in used))
    lost = image(domain, "white")
    forgotten(*used, lost)
    rounds = unused.Rounds(unused_s=settings.UPLOAD_RETENTION_S)
    assert [rounds.look() for _ in range(4)].count(1) == 1
    assert not Media.objects.filter(pk=lost.pk).exists()


def test_tokens_are_metered_for_those_who_have_a_quota_of_them(domain: Any) -> None:
    from sightline.tenants.models import TokenUse

    ended(domain)
    assert not TokenUse.objects.exists()
    tenant = domain.tenant()
    tenant.quotas = {"*": {"tokens_per_day": 100}}
    tenant.save()
    ended(domain, tenant=tenant)
    ended(domain, tenant=tenant)
    assert list(TokenUse.objects.values_list("kind", "tokens")) == [("ocr", 20)]

"""What the words of the search find, what is refused, and what is suggested."""

import hashlib
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from sightline.errors import InvalidInput
from sightline.fleet.models import Intake
from sightline.jobs.models import Job, JobMedia
from sightline.jobs.status import AttemptOutcome
from sightline.media.models import Media
from sightline.triage import causes, search
from sightline.triage.models import Cause
from sightline.triage.suggestions import MOST, suggest

pytestmark = pytest.mark.django_db(transaction=True)


def found(text: str) -> set[Any]:
    return set(Job.objects.filter(search.condition(text)).values_list("pk", flat=True))


def texts(text: str) -> list[str]:
    return [one.text for one in suggest(text)]


class TestWords:
    def test_where_a_job_ran_is_found_by_gpu_group_and_worker(self, domain: Any) -> None:
        domain.group(Intake.OPEN, id="gpu0@host")
        domain.group(Intake.OPEN, id="gpu1@host")
        first, second = domain.submit(), domain.submit()
        domain.finish(domain.claimed(group="gpu0@host", worker="ocr-gpu0@host"))
        domain.finish(domain.claimed(group="gpu1@host", worker="ocr-gpu1@host"))
        waits = domain.submit(kind="chat")
        assert found("gpu:0") == found("group:gpu0@host") == found("worker:ocr-gpu0@host") == {first.pk}
        assert found("gpu:gpu1") == {second.pk}
        assert found("gpu:7") == set()
        assert found("-status:succeeded") == found("queue:chat.default") == {waits.pk}
        assert found("-gpu:1 -kind:chat") == {first.pk}

    def test_jobs_that_ran_again_are_found_by_their_runs(self, domain: Any) -> None:
        once, twice = domain.submit(), domain.submit()
        domain.finish(domain.claimed())
        domain.fail(domain.claimed(), AttemptOutcome.TRANSIENT)
        domain.unpark(twice)
        Job.objects.filter(pk=twice.pk).update(parked_until=None)
        domain.finish(domain.claimed())
        assert found("run:>1") == found("run:2") == {twice.pk}
        assert found("run:1") == found("run:<2") == {once.pk}
        assert found("run:>0") == {once.pk, twice.pk}
        assert found("run:>2") == set()

    def test_a_time_may_be_so_long_ago(self, domain: Any) -> None:
        job = domain.submit()
        assert found("created:>2h") == found("created:>2020-01-01 created:<2999-01-01") == {job.pk}
        assert found("created:<2h") == found("created:>2999-01-01") == set()

    def test_an_image_is_found_by_its_bytes_and_by_its_pixels(self, domain: Any) -> None:
        job, other = domain.submit(), domain.submit()
        digests = [hashlib.sha256(text).hexdigest() for text in (b"bytes", b"pixels")]
        media = Media.objects.create(
            tenant=job.tenant,
            sha256=digests[0],
            pixel_sha256=digests[1],
            mime="image/png",
            bytes=1,
            width=1,
            height=1,
            stored_bytes=1,
            stored_width=1,
            stored_height=1,
            last_used_at=job.created_at,
        )
        JobMedia.objects.create(job=job, media=media)
        for word in (f"sha256:{digests[0]}", digests[0], f"sha256:{digests[1].upper()}"):
            assert found(word) == {job.pk}
        assert other.pk not in found("kind:ocr " + digests[1])

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("staus:failed", "Did you mean status:?"),
            ("colour:red", "There is no 'colour'"),
            ("status:", "needs a value, as status:failed,expired"),
            ("status:done", "status: is one of queued, running"),
            ("run:many", "as run:3 or run:>1"),
            ("created:yesterday", "needs > or <"),
            ("created:>then", "is no time"),
            ("-error:x", "cannot be asked. What can: -kind:"),
            ('error:"out of', "quotation mark"),
            ("kind:ocr\0", "NUL"),
        ],
    )
    def test_what_cannot_be_understood_is_refused_with_what_can(self, text: str, words: str) -> None:
        with pytest.raises(InvalidInput) as refused:
            search.condition(text)
        assert words in refused.value.detail


class TestSuggestions:
    def test_an_empty_box_offers_the_qualifiers(self) -> None:
        assert texts("") == [f"{name}:" for name in search.QUALIFIERS][:MOST]
        assert texts("kind:ocr st") == ["status:"]
        assert texts("-st") == ["-status:"]
        assert texts("-err") == []

    def test_values_come_from_what_there_is(self, domain: Any) -> None:
        domain.group(Intake.OPEN, id="gpu0@host")
        for name in ("acme", "acorn", "zebra"):
            domain.submit(tenant=domain.tenant(name), tags=["night ly", "nightly"])
        domain.fail(
            domain.claimed(group="gpu0@host", worker="ocr-gpu0@host"),
            AttemptOutcome.PERMANENT,
            message="CUDA out of memory",
            code="engine_refused",
        )
        causes.count()
        cause = Cause.objects.get()
        assert texts("tenant:ac") == ["tenant:acme", "tenant:acorn"]
        assert texts("tag:ni") == ['tag:"night ly"', "tag:nightly"] or texts("tag:ni") == [
            "tag:nightly",
            'tag:"night ly"',
        ]
        assert texts("status:fai") == ["status:failed"]
        assert texts("status:failed,ex") == ["status:failed,expired"]
        assert texts("model:d") == ["model:default"]
        assert texts("gpu:") == ["gpu:0"]
        assert texts("group:g") == ["group:gpu0@host"]
        assert texts("worker:ocr") == ["worker:ocr-gpu0@host"]
        assert texts("queue:gu") == ["queue:gui.default"]
        assert texts('error:"out') == ['error:"CUDA out of memory"']
        assert texts("error:engine") == ["error:engine_refused", 'error:"CUDA out of memory"']
        assert texts(f"cause:{cause.pk[:3]}") == [f"cause:{cause.pk}"]
        assert "created:>1h" in texts("created:>")
        assert texts("nobody:x") == texts("sha256:ab") == []
        assert "tag:nightly" in texts("nigh")

    def test_what_is_suggested_can_be_searched(self, domain: Any) -> None:
        domain.submit(tags=['a "b" c'])
        for text in ("kind:", "status:", "tag:", "created:", "run:", "served:", "queue:"):
            for suggested in texts(text):
                search.condition(suggested)

    def test_no_suggestion_asks_more_than_two_queries(self, domain: Any) -> None:
        domain.submit()
        for name in search.QUALIFIERS:
            with CaptureQueriesContext(connection) as asked:
                suggest(f"{name}:x")
            assert len(asked) <= 2

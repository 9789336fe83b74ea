"""A job from submit to its end, on the database that the run names."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sightline.clock import After
from sightline.errors import Conflict
from sightline.jobs.models import Attempt, Job
from sightline.jobs.services import sweep
from sightline.jobs.services.cancel import cancel
from sightline.jobs.services.renew import held, renew
from sightline.jobs.services.retry import retry
from sightline.jobs.status import AttemptOutcome, Status

OCR = "ocr.default"


def test_a_submitted_job_waits_in_its_kinds_queue(domain: Any) -> None:
    job = domain.submit(tags=["invoice"], metadata={"page": 1}, params={"format": "markdown"})
    job.refresh_from_db()
    assert (job.status, job.queue, job.run, job.tries, job.crashes) == (Status.QUEUED, OCR, 0, 0, 0)
    assert job.tags == ["invoice"]
    assert job.metadata == {"page": 1}
    assert abs(job.created_at - datetime.now(UTC)) < timedelta(minutes=1)
    assert domain.events(job) == ["job.queued"]


def test_a_claimed_job_runs_under_a_lease_and_a_new_fence(domain: Any, settings: Any) -> None:
    settings.LEASE_S = 20
    job = domain.submit(params={"format": "markdown"}, input={"images": [{"a": "ü"}]})
    taken = domain.claimed(worker="ocr-gpu0@host#1")
    assert (taken.job_id, taken.tenant_id, taken.kind, taken.model) == (
        job.pk,
        job.tenant_id,
        "ocr",
        "default",
    )
    assert (taken.run, taken.fence, taken.tries, taken.crashes, taken.suspect) == (1, 1, 0, 0, False)
    assert taken.input == {"images": [{"a": "ü"}]}
    assert taken.params == {"format": "markdown"}
    assert taken.deadline_in_s is None
    assert taken.created_at.tzinfo is not None
    assert 0 <= taken.queued_ms < 60_000
    job.refresh_from_db()
    assert (job.status, job.worker) == (Status.RUNNING, "ocr-gpu0@host#1")
    assert job.lease_until is not None
    assert timedelta(seconds=15) < job.lease_until - taken.claimed_at <= timedelta(seconds=21)
    attempt = Attempt.objects.get(job=job)
    assert (attempt.run, attempt.fence, attempt.outcome) == (1, 1, AttemptOutcome.RUNNING)
    assert attempt.started_at == taken.claimed_at
    assert domain.events(job) == ["job.queued", "job.started"]


def test_a_finished_job_has_its_output_and_its_attempts_facts(domain: Any) -> None:
    job = domain.submit()
    assert domain.finish(domain.claimed(), "Hello")
    job.refresh_from_db()
    assert (job.status, job.output, job.finish_reason) == (Status.SUCCEEDED, {"text": "Hello"}, "stop")
    assert (job.served_from, job.lease_until, job.error) == ("engine", None, None)
    assert job.usage == {"input_tokens": 7, "image_tokens": 5, "output_tokens": 3}
    assert job.timings is not None
    assert set(job.timings) == {"queue", "prepare", "ttft", "decode", "total"}
    assert job.ended_at is not None
    assert job.ended_at >= job.claimed_at
    attempt = Attempt.objects.get(job=job)
    assert attempt.outcome == AttemptOutcome.SUCCEEDED
    assert attempt.ended_at is not None
    assert domain.events(job) == ["job.queued", "job.started", "job.succeeded"]
    assert domain.claim() is None


def test_output_that_was_cut_off_ends_incomplete(domain: Any) -> None:
    job = domain.submit()
    assert domain.finish(domain.claimed(), complete=False)
    job.refresh_from_db()
    assert (job.status, job.finish_reason) == (Status.INCOMPLETE, "length")
    assert Attempt.objects.get(job=job).outcome == AttemptOutcome.INCOMPLETE


def test_text_that_a_database_refuses_is_stored_with_replacement_characters(domain: Any) -> None:
    job = domain.submit()
    assert domain.finish(domain.claimed(), "a\x00b\ud800c")
    job.refresh_from_db()
    assert job.output == {"text": "a\ufffdb\ufffdc"}


def test_a_renewed_lease_is_longer_and_a_lost_one_is_not_renewed(domain: Any, settings: Any) -> None:
    first, second, foreign = domain.submit(), domain.submit(), domain.submit()
    mine = [domain.claimed(worker="me"), domain.claimed(worker="me")]
    domain.claimed(worker="you")
    before = Job.objects.get(pk=first.pk).lease_until
    domain.finish(mine[1])
    settings.LEASE_S = 120
    ids = [first.pk, second.pk, foreign.pk]
    assert renew(worker="me", job_ids=ids) == {first.pk: 1}
    assert held(worker="me", job_ids=ids) == {first.pk: 1}
    assert renew(worker="me", job_ids=[]) == {}
    after = Job.objects.get(pk=first.pk).lease_until
    assert before is not None
    assert after is not None
    assert after - before > timedelta(seconds=60)


def test_a_lapsed_lease_puts_the_job_back_and_counts_a_crash_but_no_try(domain: Any) -> None:
    job = domain.submit()
    lost = domain.claimed(worker="killed")
    assert sweep.reclaim_lapsed() == 0
    domain.lapse(lost)
    assert sweep.reclaim_lapsed() == 1
    job.refresh_from_db()
    assert (job.status, job.run, job.tries, job.crashes) == (Status.QUEUED, 1, 0, 1)
    assert (job.lease_until, job.parked_until, job.suspect, job.queue) == (None, None, False, OCR)
    attempt = Attempt.objects.get(job=job)
    assert (attempt.outcome, attempt.error_code) == (AttemptOutcome.CRASH, "worker_lost")
    again = domain.claimed(worker="living")
    assert (again.job_id, again.run, again.fence, again.crashes) == (job.pk, 2, 2, 1)


def test_a_worker_that_was_fenced_off_changes_nothing(domain: Any) -> None:
    job = domain.submit()
    slow = domain.claimed(worker="slow")
    domain.lapse(slow)
    sweep.reclaim_lapsed()
    quick = domain.claimed(worker="quick")
    before = Job.objects.filter(pk=job.pk).values().get()
    assert not domain.finish(slow, "late")
    for outcome in (
        AttemptOutcome.PERMANENT,
        AttemptOutcome.TRANSIENT,
        AttemptOutcome.CRASH,
        AttemptOutcome.RELEASED,
    ):
        assert domain.fail(slow, outcome) is None
    assert renew(worker="slow", job_ids=[job.pk]) == {}
    assert Job.objects.filter(pk=job.pk).values().get() == before
    assert domain.finish(quick, "in time")
    job.refresh_from_db()
    assert job.output == {"text": "in time"}
    outcomes = list(Attempt.objects.filter(job=job).order_by("run").values_list("outcome", flat=True))
    assert outcomes == [AttemptOutcome.CRASH, AttemptOutcome.SUCCEEDED]


def test_a_lease_that_was_renewed_late_but_in_time_is_not_reclaimed(domain: Any) -> None:
    job = domain.submit()
    taken = domain.claimed()
    assert domain.fail(taken, AttemptOutcome.CRASH, lapsed=True) is None
    job.refresh_from_db()
    assert (job.status, job.crashes) == (Status.RUNNING, 0)


def test_a_released_job_is_claimable_after_a_pause_and_spends_nothing(domain: Any) -> None:
    job = domain.submit()
    assert domain.fail(domain.claimed(), AttemptOutcome.RELEASED, code="draining") == Status.QUEUED
    assert domain.claim() is None
    job.refresh_from_db()
    assert (job.tries, job.crashes) == (0, 0)
    assert sweep.unpark_due() == 0
    domain.unpark(job)
    assert sweep.unpark_due() == 1
    assert domain.claimed().run == 2
    attempt = Attempt.objects.filter(job=job).earliest("run")
    assert (attempt.outcome, attempt.fingerprint) == (AttemptOutcome.RELEASED, "")


def test_a_release_without_a_pause_is_claimable_at_once(domain: Any) -> None:
    domain.submit()
    domain.fail(domain.claimed(), AttemptOutcome.RELEASED, retry_after_s=0.0)
    assert domain.claimed().run == 2


def test_cancelling_a_queued_job_ends_it_and_nobody_can_claim_it(domain: Any) -> None:
    job = domain.submit()
    assert cancel(job=job, actor="key:1") is False
    job.refresh_from_db()
    assert job.status == Status.CANCELLED
    assert job.error is not None
    assert job.error["code"] == "cancelled"
    assert domain.claim() is None
    assert cancel(job=job, actor="key:1") is False
    assert domain.events(job) == ["job.queued", "job.cancelled"]


def test_cancelling_a_running_job_fences_its_worker_off(domain: Any) -> None:
    job = domain.submit()
    taken = domain.claimed()
    assert cancel(job=job, actor="key:1") is True
    assert not domain.finish(taken)
    assert renew(worker="worker-1", job_ids=[job.pk]) == {}
    job.refresh_from_db()
    assert (job.status, job.output, job.lease_until) == (Status.CANCELLED, None, None)
    assert Attempt.objects.get(job=job).outcome == AttemptOutcome.CANCELLED


def test_a_parked_job_can_be_cancelled(domain: Any) -> None:
    job = domain.submit()
    domain.fail(domain.claimed(), AttemptOutcome.TRANSIENT)
    cancel(job=job, actor="key:1")
    domain.unpark(job)
    assert sweep.unpark_due() == 0
    job.refresh_from_db()
    assert job.status == Status.CANCELLED


def test_a_retried_job_runs_again_with_fresh_tries_and_the_old_worker_stays_fenced_off(domain: Any) -> None:
    job = domain.submit(deadline_ms=60_000)
    stale = domain.claimed()
    cancel(job=job, actor="key:1")
    job.refresh_from_db()
    retry(job=job, actor="operator")
    assert (job.status, job.tries, job.error, job.ended_at) == (Status.QUEUED, 0, None, None)
    assert job.deadline_at is None
    assert not domain.finish(stale)
    fresh = domain.claimed()
    assert (fresh.run, fresh.fence) == (2, 2)
    assert not domain.finish(stale)
    assert domain.finish(fresh)


@pytest.mark.parametrize("ending", ["queued", "running", "succeeded"])
def test_only_ended_jobs_without_a_result_can_be_retried(domain: Any, ending: str) -> None:
    job = domain.submit()
    if ending != "queued":
        taken = domain.claimed()
        if ending == "succeeded":
            domain.finish(taken)
    job.refresh_from_db()
    before = Job.objects.filter(pk=job.pk).values().get()
    with pytest.raises(Conflict):
        retry(job=job, actor="operator")
    assert Job.objects.filter(pk=job.pk).values().get() == before


def test_a_deadline_that_passes_in_the_queue_ends_the_job_unclaimed(domain: Any) -> None:
    job = domain.submit(deadline_ms=60_000)
    later = domain.submit(deadline_ms=60_000)
    Job.objects.filter(pk=job.pk).update(deadline_at=After(-1))
    assert sweep.expire_deadlines() == 1
    assert not sweep.expire(job_id=later.pk)
    job.refresh_from_db()
    assert job.status == Status.EXPIRED
    assert job.error is not None
    assert job.error["code"] == "deadline_exceeded"
    assert domain.events(job) == ["job.queued", "job.expired"]
    assert domain.claimed().job_id == later.pk


def test_a_claim_says_how_long_its_deadline_is_away(domain: Any) -> None:
    domain.submit(deadline_ms=60_000)
    remaining = domain.claimed().deadline_in_s
    assert remaining is not None
    assert 50 < remaining <= 60

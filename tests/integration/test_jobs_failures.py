"""What becomes of jobs whose attempts fail: backoff, probation, quarantine."""

from datetime import timedelta
from typing import Any

import pytest

from sightline.clock import After
from sightline.fleet import groups, queues
from sightline.fleet.models import Intake
from sightline.jobs.models import Attempt, Job
from sightline.jobs.services import sweep
from sightline.jobs.status import AttemptOutcome, Status
from sightline.media.models import BlockedMedia

OCR, PROBATION = "ocr.default", "probation.default"
GPU0 = "gpu0@host"


def test_a_permanent_failure_ends_the_job_at_once(domain: Any) -> None:
    job = domain.submit()
    status = domain.fail(
        domain.claimed(),
        AttemptOutcome.PERMANENT,
        code="prompt_too_long",
        message="The prompt has 9000 tokens.",
        error_type="EngineError",
        frames=("workers/attempt.py:12 run",),
    )
    assert status == Status.FAILED
    job.refresh_from_db()
    assert job.error == {
        "code": "prompt_too_long",
        "message": "The prompt has 9000 tokens.",
        "retryable": False,
    }
    assert (job.tries, job.crashes) == (0, 0)
    assert job.ended_at is not None
    attempt = Attempt.objects.get(job=job)
    assert (attempt.outcome, attempt.error_type) == (AttemptOutcome.PERMANENT, "EngineError")
    assert attempt.frames == ["workers/attempt.py:12 run"]
    assert len(attempt.fingerprint) == 16
    assert domain.events(job) == ["job.queued", "job.started", "job.failed"]


def test_a_transient_failure_parks_the_job_until_its_backoff_ends(domain: Any) -> None:
    job = domain.submit()
    assert domain.fail(domain.claimed(), AttemptOutcome.TRANSIENT) == Status.QUEUED
    job.refresh_from_db()
    assert (job.status, job.tries, job.crashes) == (Status.QUEUED, 1, 0)
    assert job.parked_until is not None
    assert domain.claim() is None
    assert sweep.claimable(queue=OCR, most=10) == 0
    domain.unpark(job)
    assert sweep.unpark_due() == 1
    assert sweep.claimable(queue=OCR, most=10) == 1
    again = domain.claimed()
    assert (again.run, again.tries) == (2, 1)
    assert domain.events(job)[:3] == ["job.queued", "job.started", "job.attempt_failed"]


def test_a_parked_job_does_not_hold_up_those_behind_it(domain: Any) -> None:
    parked, behind = domain.submit(), domain.submit()
    domain.fail(domain.claimed(), AttemptOutcome.TRANSIENT)
    assert domain.claimed().job_id == behind.pk
    parked.refresh_from_db()
    assert parked.status == Status.QUEUED


def test_the_engines_retry_after_is_honoured(domain: Any) -> None:
    job = domain.submit()
    taken = domain.claimed()
    domain.fail(taken, AttemptOutcome.TRANSIENT, retry_after_s=300.0)
    job.refresh_from_db()
    assert job.parked_until is not None
    assert job.parked_until - taken.claimed_at > timedelta(seconds=290)


def test_spent_tries_end_the_job(domain: Any) -> None:
    job = domain.submit(max_attempts=2)
    assert domain.fail(domain.claimed(), AttemptOutcome.TRANSIENT) == Status.QUEUED
    domain.unpark(job)
    sweep.unpark_due()
    assert domain.fail(domain.claimed(), AttemptOutcome.TRANSIENT, code="engine_busy") == Status.FAILED
    job.refresh_from_db()
    assert (job.tries, job.run) == (2, 2)
    assert job.error is not None
    assert (job.error["code"], job.error["retryable"]) == ("engine_busy", True)


def test_an_attempt_that_outlives_the_deadline_expires_the_job(domain: Any) -> None:
    job = domain.submit(deadline_ms=1000)
    assert domain.fail(domain.claimed(), AttemptOutcome.EXPIRED, code="deadline_exceeded") == Status.EXPIRED
    job.refresh_from_db()
    assert job.status == Status.EXPIRED


def test_jobs_aboard_a_dead_engine_become_suspects_in_the_probation_queue(domain: Any) -> None:
    jobs = [domain.submit() for _ in range(3)]
    domain.group(Intake.OPEN)
    for taken in [domain.claimed(group=GPU0) for _ in jobs]:
        assert domain.fail(taken, AttemptOutcome.CRASH, code="engine_died") == Status.QUEUED
    for job in jobs:
        job.refresh_from_db()
        assert (job.queue, job.suspect, job.crashes, job.tries, job.solo_kills) == (PROBATION, True, 1, 0, 0)
    assert domain.claim(OCR) is None
    assert sweep.claimable(queue=PROBATION, most=10) == 3


def _suspects(domain: Any, count: int, **more: Any) -> list[Job]:
    jobs = [domain.submit(**more) for _ in range(count)]
    domain.group(Intake.OPEN)
    for taken in [domain.claimed(group=GPU0) for _ in jobs]:
        domain.fail(taken, AttemptOutcome.CRASH, code="engine_died")
    return jobs


def test_a_suspect_is_claimed_only_in_probation_and_alone(domain: Any) -> None:
    _suspects(domain, 2)
    assert domain.claim(PROBATION, group=GPU0) is None  # the intake is open, not in probation
    domain.submit()
    other = domain.claimed(OCR, group=GPU0)
    domain.group(Intake.PROBATION)
    assert domain.claim(PROBATION, group=GPU0) is None  # something else is aboard
    domain.finish(other)
    suspect = domain.claimed(PROBATION, group=GPU0)
    assert suspect.suspect
    assert domain.claim(PROBATION, group=GPU0) is None  # a suspect is aboard
    domain.submit()
    assert domain.claim(OCR, group=GPU0) is None  # in probation nothing joins it
    domain.group(Intake.OPEN, id="gpu1@host")
    assert domain.claim(OCR, group="gpu1@host") is not None  # the other group works on
    assert domain.finish(suspect)
    assert domain.claim(PROBATION, group=GPU0) is not None


def test_a_suspect_of_a_paused_kind_waits_and_holds_nobody_up(domain: Any) -> None:
    """Suspects of all kinds share a queue: pausing a kind must stop its suspects, and those alone."""
    (ocr,) = _suspects(domain, 1)
    domain.submit(kind="gui", seats="chat")
    (chat,) = Job.objects.filter(kind="gui")
    domain.fail(domain.claimed("chat.default", group=GPU0), AttemptOutcome.CRASH, code="engine_died")
    domain.group(Intake.PROBATION)
    queues.pause(name=OCR, actor="tests")
    assert sweep.claimable(queue=PROBATION, most=10) == 1
    assert groups.suspects_waiting(tag="default")
    taken = domain.claimed(PROBATION, group=GPU0)
    assert taken.job_id == chat.pk, "it took the seats of another kind, and that kind is not paused"
    assert domain.finish(taken)
    assert domain.claim(PROBATION, group=GPU0) is None
    assert not groups.suspects_waiting(tag="default"), "its group would stay in probation for nothing"
    queues.resume(name=OCR, actor="tests")
    assert groups.suspects_waiting(tag="default")
    assert domain.claimed(PROBATION, group=GPU0).job_id == ocr.pk


def test_a_suspect_that_finishes_alone_is_innocent(domain: Any) -> None:
    (job,) = _suspects(domain, 1)
    domain.group(Intake.PROBATION)
    assert domain.finish(domain.claimed(PROBATION, group=GPU0))
    job.refresh_from_db()
    assert (job.status, job.suspect) == (Status.SUCCEEDED, False)


def test_a_job_that_kills_two_engines_alone_is_quarantined_and_its_images_are_blocked(domain: Any) -> None:
    (job,) = _suspects(domain, 1, images=["a" * 64, "b" * 64, "a" * 64])
    domain.group(Intake.PROBATION)
    first = domain.fail(domain.claimed(PROBATION, group=GPU0), AttemptOutcome.CRASH, code="engine_died")
    assert first == Status.QUEUED
    second = domain.fail(domain.claimed(PROBATION, group=GPU0), AttemptOutcome.CRASH, code="engine_died")
    assert second == Status.QUARANTINED
    job.refresh_from_db()
    assert (job.solo_kills, job.crashes, job.tries) == (2, 3, 0)
    blocked = BlockedMedia.objects.order_by("pixel_sha256")
    assert list(blocked.values_list("pixel_sha256", "tenant_id", "job")) == [
        ("a" * 64, job.tenant_id, job.public_id),
        ("b" * 64, job.tenant_id, job.public_id),
    ]
    assert domain.events(job)[-1] == "job.quarantined"


def test_a_suspect_whose_workers_are_killed_is_not_quarantined(domain: Any) -> None:
    (job,) = _suspects(domain, 1)
    domain.group(Intake.PROBATION)
    for _ in range(3):
        domain.lapse(domain.claimed(PROBATION, group=GPU0))
        sweep.reclaim_lapsed()
    job.refresh_from_db()
    assert (job.status, job.queue, job.crashes, job.solo_kills) == (Status.QUEUED, PROBATION, 4, 0)


def test_a_job_whose_workers_die_again_and_again_becomes_a_suspect_and_ends(
    domain: Any, settings: Any
) -> None:
    settings.MAX_CRASHES = 5
    job = domain.submit()
    domain.group(Intake.OPEN)
    for _ in range(3):
        domain.lapse(domain.claimed(OCR, group=GPU0))
        sweep.reclaim_lapsed()
    domain.group(Intake.PROBATION)
    for _ in range(2):
        domain.lapse(domain.claimed(PROBATION, group=GPU0))
        sweep.reclaim_lapsed()
    job.refresh_from_db()
    assert (job.status, job.crashes, job.tries) == (Status.FAILED, 5, 0)
    assert job.error is not None
    assert job.error["code"] == "worker_lost"


def test_a_suspects_transient_failure_keeps_it_in_probation(domain: Any) -> None:
    (job,) = _suspects(domain, 1)
    domain.group(Intake.PROBATION)
    domain.fail(domain.claimed(PROBATION, group=GPU0), AttemptOutcome.TRANSIENT)
    job.refresh_from_db()
    assert (job.queue, job.suspect, job.solo_kills) == (PROBATION, True, 0)


def test_messages_of_any_length_and_content_are_kept(domain: Any) -> None:
    job = domain.submit()
    domain.fail(
        domain.claimed(),
        AttemptOutcome.PERMANENT,
        code="c" * 80,
        error_type="E" * 300,
        phase="p" * 90,
        message="NUL \x00, surrogate \udc80, " + "x" * 10_000,
        frames=("a\x00b",),
    )
    attempt = Attempt.objects.get(job=job)
    assert attempt.message.startswith("NUL \ufffd, surrogate \ufffd")
    assert len(attempt.message) == 4000
    assert attempt.frames == ["a\ufffdb"]


@pytest.mark.parametrize(
    "outcome", [AttemptOutcome.SUCCEEDED, AttemptOutcome.RUNNING, AttemptOutcome.CANCELLED]
)
def test_what_is_no_failure_is_refused(domain: Any, outcome: AttemptOutcome) -> None:
    job = domain.submit()
    with pytest.raises(ValueError, match="no failure"):
        domain.fail(domain.claimed(), outcome)
    job.refresh_from_db()
    assert job.status == Status.RUNNING


def test_a_closed_or_drained_group_claims_nothing(domain: Any) -> None:
    domain.submit()
    domain.group(Intake.CLOSED)
    assert domain.claim(OCR, group=GPU0) is None
    assert domain.claim(OCR, group="unknown@host") is None
    group = domain.group(Intake.OPEN)
    group.drained_at = After()
    group.save()
    assert domain.claim(OCR, group=GPU0) is None
    group.drained_at = None
    group.save()
    assert domain.claim(OCR, group=GPU0) is not None

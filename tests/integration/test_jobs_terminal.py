"""A terminal status never changes by itself, whatever comes late."""

from collections.abc import Callable
from typing import Any

import pytest

from sightline.clock import After
from sightline.errors import Conflict
from sightline.fleet import queues
from sightline.fleet.models import Intake
from sightline.jobs import sweeper
from sightline.jobs.claims import Claim
from sightline.jobs.models import Attempt, Job
from sightline.jobs.services import sweep
from sightline.jobs.services.cancel import cancel
from sightline.jobs.services.renew import held, renew
from sightline.jobs.services.retry import RETRYABLE, retry
from sightline.jobs.status import TERMINAL, AttemptOutcome, Status

OCR, PROBATION, GPU0 = "ocr.default", "probation.default", "gpu0@host"


def _succeeded(domain: Any, job: Job) -> Claim:
    taken: Claim = domain.claimed()
    domain.finish(taken)
    return taken


def _incomplete(domain: Any, job: Job) -> Claim:
    taken: Claim = domain.claimed()
    domain.finish(taken, complete=False)
    return taken


def _failed(domain: Any, job: Job) -> Claim:
    taken: Claim = domain.claimed()
    domain.fail(taken, AttemptOutcome.PERMANENT)
    return taken


def _cancelled(domain: Any, job: Job) -> Claim:
    taken: Claim = domain.claimed()
    cancel(job=job, actor="key:1")
    return taken


def _expired(domain: Any, job: Job) -> Claim:
    taken: Claim = domain.claimed()
    domain.lapse(taken)
    sweep.reclaim_lapsed()
    Job.objects.filter(pk=job.pk).update(deadline_at=After(-1))
    sweep.expire_deadlines()
    return taken


def _quarantined(domain: Any, job: Job) -> Claim:
    domain.group(Intake.OPEN)
    taken: Claim = domain.claimed(group=GPU0)
    domain.fail(taken, AttemptOutcome.CRASH)
    domain.group(Intake.PROBATION)
    for _ in range(2):
        taken = domain.claimed(PROBATION, group=GPU0)
        domain.fail(taken, AttemptOutcome.CRASH)
    return taken


ENDINGS: dict[Status, Callable[[Any, Job], Claim]] = {
    Status.SUCCEEDED: _succeeded,
    Status.INCOMPLETE: _incomplete,
    Status.FAILED: _failed,
    Status.CANCELLED: _cancelled,
    Status.EXPIRED: _expired,
    Status.QUARANTINED: _quarantined,
}
FAILURES = [
    AttemptOutcome.PERMANENT,
    AttemptOutcome.TRANSIENT,
    AttemptOutcome.CRASH,
    AttemptOutcome.RELEASED,
    AttemptOutcome.EXPIRED,
]


def test_every_terminal_status_is_tried() -> None:
    assert set(ENDINGS) == TERMINAL


@pytest.mark.parametrize("status", sorted(TERMINAL))
def test_an_ended_job_stays_as_it_is(domain: Any, status: Status) -> None:
    job = domain.submit()
    taken = ENDINGS[status](domain, job)
    before = Job.objects.filter(pk=job.pk).values().get()
    attempts = list(Attempt.objects.filter(job=job).order_by("run").values())
    events = domain.events(job)
    assert before["status"] == status

    assert not domain.finish(taken, "late")
    for outcome in FAILURES:
        assert domain.fail(taken, outcome) is None
        assert domain.fail(taken, outcome, lapsed=True) is None
    assert renew(worker="worker-1", job_ids=[job.pk]) == {}
    assert held(worker="worker-1", job_ids=[job.pk]) == {}
    assert cancel(job=job, actor="key:1") is False
    assert not sweep.expire(job_id=job.pk)
    for intake in (Intake.OPEN, Intake.PROBATION):
        domain.group(intake)
        for queue in queues.names():
            assert domain.claim(queue, group=GPU0) is None
            assert domain.claim(queue) is None
    sweeper.sweep_once()
    if status not in RETRYABLE:
        with pytest.raises(Conflict):
            retry(job=job, actor="operator")

    assert Job.objects.filter(pk=job.pk).values().get() == before
    assert list(Attempt.objects.filter(job=job).order_by("run").values()) == attempts
    assert domain.events(job) == events


@pytest.mark.parametrize("status", sorted(RETRYABLE))
def test_an_ended_job_that_is_retried_succeeds(domain: Any, status: Status) -> None:
    job = domain.submit()
    taken = ENDINGS[status](domain, job)
    job.refresh_from_db()
    retry(job=job, actor="operator")
    assert not domain.finish(taken, "late")
    assert domain.finish(domain.claimed(), "again")
    job.refresh_from_db()
    assert (job.status, job.output, job.error) == (Status.SUCCEEDED, {"text": "again"}, None)

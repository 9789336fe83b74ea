"""What a failure leads to, without a database."""

import uuid
from datetime import UTC, datetime
from typing import Any

import pytest

from sightline.celery import probation_queue
from sightline.jobs.claims import Claim, Failure
from sightline.jobs.services.fail import _decide, backoff_s, fingerprint
from sightline.jobs.status import AttemptOutcome, Status


def claim(**more: Any) -> Claim:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    values: dict[str, Any] = {
        "job_id": uuid.UUID(int=1),
        "tenant_id": uuid.UUID(int=2),
        "kind": "ocr",
        "model": "default",
        "queue": "ocr.default",
        "input": {},
        "params": {},
        "run": 1,
        "tries": 0,
        "crashes": 0,
        "solo_kills": 0,
        "max_attempts": 3,
        "suspect": False,
        "fence": 1,
        "created_at": now,
        "claimed_at": now,
        "deadline_in_s": None,
        "group": "gpu0@host",
    }
    return Claim(**{**values, **more})


def failure(outcome: AttemptOutcome, **more: Any) -> Failure:
    return Failure(**{"outcome": outcome, "code": "c", "message": "m", **more})


def decide(outcome: AttemptOutcome, *, lapsed: bool = False, **more: Any) -> dict[str, Any]:
    return _decide(claim(**more), failure(outcome), lapsed)


def test_backoff_doubles_with_jitter_up_to_a_minute(settings: Any) -> None:
    settings.BACKOFF_S = 2.0
    for tries, middle in ((1, 2.0), (2, 4.0), (3, 8.0)):
        waits = [backoff_s(tries) for _ in range(200)]
        assert middle * 0.5 <= min(waits) < max(waits) <= middle * 1.5
    assert max(backoff_s(tries) for tries in range(1, 60) for _ in range(5)) == 60.0


@pytest.mark.parametrize(("tries", "ended"), [(0, False), (1, False), (2, True), (7, True)])
def test_a_try_is_spent_until_none_is_left(tries: int, ended: bool) -> None:
    change = decide(AttemptOutcome.TRANSIENT, tries=tries)
    assert change["tries"] == tries + 1
    assert change["status"] == (Status.FAILED if ended else Status.QUEUED)
    assert ("parked_until" in change) != ended


def test_a_crash_spends_no_try_and_no_backoff() -> None:
    change = decide(AttemptOutcome.CRASH, lapsed=True)
    assert change == {"crashes": 1, "solo_kills": 0, "status": Status.QUEUED}


def test_a_dead_engine_names_its_jobs_and_a_dead_worker_does_not() -> None:
    assert decide(AttemptOutcome.CRASH)["queue"] == probation_queue("default")
    assert "queue" not in decide(AttemptOutcome.CRASH, lapsed=True, crashes=1)
    assert decide(AttemptOutcome.CRASH, lapsed=True, crashes=2)["queue"] == probation_queue("default")


@pytest.mark.parametrize(
    ("suspect", "lapsed", "solo_kills", "expected"),
    [
        (False, False, 0, (0, Status.QUEUED)),
        (True, False, 0, (1, Status.QUEUED)),
        (True, False, 1, (2, Status.QUARANTINED)),
        (True, True, 1, (1, Status.QUEUED)),
    ],
)
def test_only_engines_that_die_under_a_suspect_count_as_its_kills(
    suspect: bool, lapsed: bool, solo_kills: int, expected: tuple[int, Status]
) -> None:
    change = decide(AttemptOutcome.CRASH, lapsed=lapsed, suspect=suspect, solo_kills=solo_kills)
    assert (change["solo_kills"], change["status"]) == expected


def test_too_many_crashes_end_the_job(settings: Any) -> None:
    settings.MAX_CRASHES = 4
    assert decide(AttemptOutcome.CRASH, crashes=3)["status"] == Status.FAILED
    assert decide(AttemptOutcome.CRASH, crashes=3)["error"]["retryable"] is True


def test_a_permanent_error_is_not_retryable() -> None:
    change = decide(AttemptOutcome.PERMANENT)
    assert (change["status"], change["error"]["retryable"]) == (Status.FAILED, False)


def test_failures_of_one_cause_have_one_fingerprint() -> None:
    one = failure(
        AttemptOutcome.TRANSIENT, message="job 17 at 0xdeadbeef timed out after 30 s", frames=("a.py:12 run",)
    )
    same = failure(
        AttemptOutcome.TRANSIENT, message="Job 18 at 0xbeef timed out after 31 s", frames=("a.py:14 run",)
    )
    other = failure(AttemptOutcome.TRANSIENT, message="connection reset", frames=("a.py:12 run",))
    assert fingerprint(one) == fingerprint(same) != fingerprint(other)
    assert len(fingerprint(failure(AttemptOutcome.CRASH, message="\udc80"))) == 16

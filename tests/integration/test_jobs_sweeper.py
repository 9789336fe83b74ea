"""The sweeper's loop: one leader, a verb that fails, retention."""

import threading
from typing import Any

import pytest
from django.db import OperationalError, connection

from sightline.clock import After
from sightline.fleet import leader
from sightline.fleet.models import Leader
from sightline.jobs import sweeper
from sightline.jobs.models import Attempt, IdempotencyKey, Job, JobEvent
from sightline.jobs.services import sweep
from sightline.jobs.services.submit import Idempotency, submit
from sightline.jobs.status import AttemptOutcome, Status


def test_one_of_two_leads_until_its_lease_lapses(domain: Any) -> None:
    assert leader.lead(name="sweeper", holder="a", lease_s=30)
    assert not leader.lead(name="sweeper", holder="b", lease_s=30)
    assert leader.lead(name="sweeper", holder="a", lease_s=30)
    Leader.objects.update(lease_until=After(-1))
    assert leader.lead(name="sweeper", holder="b", lease_s=30)
    assert not leader.lead(name="sweeper", holder="a", lease_s=30)


def test_who_resigns_is_followed_at_once(domain: Any) -> None:
    leader.lead(name="sweeper", holder="a", lease_s=30)
    leader.resign(name="sweeper", holder="b")
    assert not leader.lead(name="sweeper", holder="b", lease_s=30)
    leader.resign(name="sweeper", holder="a")
    assert leader.lead(name="sweeper", holder="b", lease_s=30)


def test_of_many_that_start_together_one_leads(domain: Any, in_parallel: Any) -> None:
    leads = in_parallel(8, lambda number: leader.lead(name="sweeper", holder=str(number), lease_s=30))
    assert leads.count(True) == 1
    Leader.objects.update(lease_until=After(-1))
    leads = in_parallel(8, lambda number: leader.lead(name="sweeper", holder=str(number), lease_s=30))
    assert leads.count(True) == 1


def _run_until(happened: threading.Event) -> None:
    stop = threading.Event()

    def loop() -> None:
        try:
            sweeper.run(stop)
        finally:
            connection.close()

    thread = threading.Thread(target=loop)
    thread.start()
    try:
        assert happened.wait(20)
    finally:
        stop.set()
        thread.join(20)
    assert not thread.is_alive()


def test_the_loop_heals_and_resigns_when_it_stops(domain: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    job = domain.submit()
    domain.lapse(domain.claimed())
    swept = threading.Event()
    top_up = sweep.top_up

    def counted(**arguments: Any) -> Any:
        found = top_up(**arguments)
        swept.set()
        return found

    monkeypatch.setattr(sweep, "top_up", counted)
    _run_until(swept)
    job.refresh_from_db()
    assert job.status == Status.QUEUED
    assert leader.lead(name=sweeper.NAME, holder="next", lease_s=5)


def test_a_verb_that_fails_does_not_keep_the_others_from_running(
    domain: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = domain.submit()
    domain.fail(domain.claimed(), AttemptOutcome.TRANSIENT)
    domain.unpark(job)

    def broken() -> int:
        raise OperationalError("database is locked")

    monkeypatch.setattr(sweep, "reclaim_lapsed", broken)
    sweeper.sweep_once()
    assert domain.claim() is not None


def test_a_dead_leader_is_followed(domain: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    leader.lead(name=sweeper.NAME, holder="dead", lease_s=0.2)
    swept = threading.Event()
    monkeypatch.setattr(sweep, "top_up", lambda **_: swept.set())
    _run_until(swept)


def test_ended_jobs_go_with_their_attempts_and_events_when_their_retention_ends(domain: Any) -> None:
    old = domain.submit(retention_s=3600)
    domain.finish(domain.claimed())
    young = domain.submit(retention_s=3600)
    domain.finish(domain.claimed())
    waiting = domain.submit(retention_s=60)
    Job.objects.filter(pk=old.pk).update(ended_at=After(-3601))
    Job.objects.filter(pk=young.pk).update(ended_at=After(-3500))
    assert sweep.apply_retention() == 1
    assert set(Job.objects.values_list("pk", flat=True)) == {young.pk, waiting.pk}
    assert not Attempt.objects.filter(job_id=old.pk).exists()
    assert not JobEvent.objects.filter(job_id=old.pk).exists()


def test_idempotency_keys_are_kept_for_a_day(domain: Any) -> None:
    for key in ("old", "young"):
        submit(
            submission=domain.submission(),
            idempotency=Idempotency(key=key, route="POST /api/v1/jobs", body_sha256="0" * 64),
            render=lambda job: {"id": job.public_id},
        )
    IdempotencyKey.objects.filter(key="old").update(created_at=After(-86_401))
    IdempotencyKey.objects.filter(key="young").update(created_at=After(-86_300))
    sweep.apply_retention()
    assert list(IdempotencyKey.objects.values_list("key", flat=True)) == ["young"]
    assert Job.objects.count() == 2


def test_a_batch_is_bounded(domain: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep, "BATCH", 2)
    for _ in range(3):
        domain.submit()
    for _ in range(3):
        domain.lapse(domain.claimed())
    assert [sweep.reclaim_lapsed() for _ in range(3)] == [2, 1, 0]

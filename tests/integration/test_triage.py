"""Failures become causes, each counted once; bulk acts choose once, try a few, then do the rest."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, transaction

from sightline import clock
from sightline.audit.models import Entry
from sightline.errors import InvalidInput
from sightline.jobs.models import Job
from sightline.jobs.status import AttemptOutcome, Status
from sightline.triage import bulk, causes, search
from sightline.triage.models import Bulk, BulkState, Cause, CauseState, Failure, ItemState

pytestmark = pytest.mark.django_db(transaction=True)

WHO = "admin:ada"


def fail(domain: Any, message: str, **more: Any) -> Job:
    """One job that ended with this message."""
    job = domain.submit(**more)
    queue = f"{more.get('kind', 'ocr')}.default"
    domain.fail(
        domain.claimed(queue, group=""), AttemptOutcome.PERMANENT, message=message, error_type="EngineError"
    )
    job.refresh_from_db()
    return job


def found(text: str) -> set[Any]:
    return set(Job.objects.filter(search.condition(text)).values_list("pk", flat=True))


class TestCauses:
    def test_failures_that_differ_in_numbers_share_a_cause(self, domain: Any) -> None:
        for size in (1024, 2048):
            fail(domain, f"CUDA out of memory: {size} bytes")
        fail(domain, "The prompt is too long.", kind="chat")
        assert causes.count() == 3
        assert causes.count() == 0  # each once
        memory = Cause.objects.get(message__startswith="CUDA")
        assert (memory.count, memory.tallies["kind"], memory.tallies["tenant"]) == (
            2,
            {"ocr": 2},
            {"acme": 2},
        )
        assert Cause.objects.count() == 2
        assert not Failure.objects.exists()
        line = causes.sparkline(memory, now=memory.last_seen)
        assert len(line) == 144
        assert line[-2:] in ([0, 2], [1, 1])

    def test_work_that_was_handed_back_is_no_failure(self, domain: Any) -> None:
        domain.submit()
        domain.fail(domain.claimed(), AttemptOutcome.RELEASED)
        assert causes.count() == 0

    def test_a_resolved_cause_that_fails_again_has_regressed(self, domain: Any) -> None:
        fail(domain, "no")
        causes.count()
        cause = Cause.objects.get()
        causes.acknowledge(fingerprint=cause.pk, actor=WHO, owner="ada")
        causes.resolve(fingerprint=cause.pk, actor=WHO)
        causes.count()
        assert Cause.objects.get().state == CauseState.RESOLVED
        fail(domain, "no")
        causes.count()
        again = Cause.objects.get()
        assert (again.state, again.count, again.owner) == (CauseState.REGRESSED, 2, "ada")
        assert [entry.action for entry in Entry.objects.order_by("id")] == [
            "cause.acknowledge",
            "cause.resolve",
        ]

    def test_a_mute_ends_by_itself(self, domain: Any) -> None:
        fail(domain, "no")
        causes.count()
        cause = causes.mute(fingerprint=Cause.objects.get().pk, actor=WHO, hours=2)
        assert cause.muted_until is not None
        assert timedelta(hours=1) < cause.muted_until - clock.now() < timedelta(hours=3)
        assert causes.mute(fingerprint=cause.pk, actor=WHO, hours=0).muted_until is None


class TestSearch:
    def test_words_narrow_the_list(self, domain: Any) -> None:
        memory = fail(domain, "CUDA out of memory: 7 bytes")
        prompt = fail(domain, "The prompt is too long.", kind="chat", tags=["nightly"])
        waits = domain.submit(tenant=domain.tenant("other"))
        causes.count()
        assert found('error:"out of memory"') == {memory.pk}
        assert found("status:failed kind:chat") == {prompt.pk}
        assert found("nightly") == found("tag:nightly") == {prompt.pk}
        assert found("tenant:other") == {waits.pk}
        assert found("status:failed,queued") == {memory.pk, prompt.pk, waits.pk}
        fingerprint = Cause.objects.get(message__startswith="CUDA").pk
        assert found(f"fingerprint:{fingerprint}") == {memory.pk}
        assert found(memory.public_id) == {memory.pk}
        assert found("created:>2020-01-01") == {memory.pk, prompt.pk, waits.pk}
        assert found("created:<2020-01-01") == found("tag:none") == found("job_nonsense") == set()

    @pytest.mark.parametrize(
        "text",
        [
            "stauts:failed",
            "status:broken",
            "kind:video",
            'error:"open',
            "created:soon",
            "created:",
            "x" * 501,
        ],
    )
    def test_what_cannot_be_meant_is_refused(self, db: None, text: str) -> None:
        with pytest.raises(InvalidInput):
            search.condition(text)

    def test_a_cause_is_that_of_the_last_run(self, domain: Any) -> None:
        job = domain.submit()
        domain.fail(domain.claimed(), AttemptOutcome.TRANSIENT, message="busy")
        domain.unpark(job)
        Job.objects.filter(pk=job.pk).update(parked_until=None)
        domain.fail(domain.claimed(), AttemptOutcome.PERMANENT, message="too long")
        causes.count()
        assert found("error:busy") == set()
        assert found('error:"too long"') == {job.pk}


class TestBulk:
    def frozen(self, **more: Any) -> Bulk:
        return bulk.freeze(**{"action": "retry", "search": "status:failed", "actor": WHO, **more})

    def test_a_dry_run_counts_and_touches_nothing(self, domain: Any) -> None:
        fail(domain, "no")
        fail(domain, "no", kind="chat", tenant=domain.tenant("other"))
        domain.submit()
        frozen = self.frozen()
        assert (frozen.state, frozen.total) == (BulkState.FROZEN, 2)
        assert frozen.summary["by_kind"] == {"ocr": 1, "chat": 1}
        assert frozen.summary["by_tenant"] == {"acme": 1, "other": 1}
        assert frozen.summary["oldest"]
        assert bulk.advance() == 0
        assert Job.objects.filter(status=Status.FAILED).count() == 2

    def test_jobs_that_fail_later_are_not_chosen(self, domain: Any) -> None:
        for _ in range(2):
            fail(domain, "no")
        frozen = self.frozen()
        later = fail(domain, "no")
        bulk.run(bulk=frozen, actor=WHO)
        assert bulk.advance() == 2
        later.refresh_from_db()
        assert later.status == Status.FAILED

    def test_the_rest_waits_for_the_first_three(self, domain: Any) -> None:
        jobs = [fail(domain, "no") for _ in range(5)]
        frozen = bulk.run(bulk=self.frozen(), actor=WHO)
        assert bulk.advance() == 3
        assert bulk.advance() == 0  # they wait in the queue
        for _ in range(3):
            domain.finish(domain.claimed())
        bulk.advance()  # judges
        bulk.advance()
        bulk.advance()
        frozen.refresh_from_db()
        assert (frozen.state, frozen.done, frozen.failed) == (BulkState.DONE, 5, 0)
        assert bulk.outcomes(frozen) == {"succeeded": 3, "queued": 2}
        assert [Job.objects.get(pk=job.pk).status for job in jobs] == ["succeeded"] * 3 + ["queued"] * 2
        assert [entry.action for entry in Entry.objects.all()] == ["bulk.retry"]

    def test_it_halts_when_one_of_the_first_fails_again_and_goes_on_when_told(self, domain: Any) -> None:
        for _ in range(5):
            fail(domain, "no")
        frozen = bulk.run(bulk=self.frozen(), actor=WHO)
        bulk.advance()
        domain.finish(domain.claimed())
        domain.finish(domain.claimed())
        domain.fail(domain.claimed(), AttemptOutcome.PERMANENT, message="no")
        bulk.advance()
        frozen.refresh_from_db()
        assert frozen.state == BulkState.HALTED
        assert "engine_error" in frozen.detail
        assert bulk.advance() == 0
        bulk.run(bulk=frozen, actor=WHO)
        bulk.advance()
        frozen.refresh_from_db()
        assert (frozen.state, frozen.done) == (BulkState.DONE, 5)

    def test_stopped_is_stopped(self, domain: Any) -> None:
        for _ in range(4):
            fail(domain, "no")
        frozen = bulk.run(bulk=self.frozen(), actor=WHO)
        bulk.advance()
        stopped = bulk.stop(bulk=frozen, actor=WHO)
        for _ in range(3):
            domain.finish(domain.claimed())
        assert bulk.advance() == 0
        stopped.refresh_from_db()
        assert (stopped.state, stopped.done, stopped.left) == (BulkState.STOPPED, 3, 1)

    def test_a_job_that_moved_on_is_told_and_stops_nobody(self, domain: Any) -> None:
        first, second = fail(domain, "no"), fail(domain, "no")
        frozen = self.frozen()
        Job.objects.filter(pk=first.pk).update(status=Status.SUCCEEDED)
        bulk.run(bulk=frozen, actor=WHO)
        bulk.advance()
        item = frozen.items.get(job=first)
        assert item.state == ItemState.FAILED
        assert "succeeded" in item.detail or "cannot be retried" in item.detail
        assert frozen.items.get(job=second).state == ItemState.DONE

    def test_an_act_of_a_tenant_stays_within_it(self, domain: Any) -> None:
        own = fail(domain, "no")
        fail(domain, "no", tenant=domain.tenant("other"))
        frozen = self.frozen(tenant_id=own.tenant_id)
        assert [item.job_id for item in frozen.items.all()] == [own.pk]

    @pytest.mark.parametrize("asked", [{"search": " "}, {"action": "explode"}, {"search": "kind:gui"}])
    def test_what_chooses_nothing_is_refused(self, domain: Any, asked: dict[str, str]) -> None:
        fail(domain, "no")
        with pytest.raises(InvalidInput):
            self.frozen(**asked)
        assert not Bulk.objects.exists()

    def test_cancelling_needs_no_result_of_the_first(self, domain: Any) -> None:
        for _ in range(5):
            domain.submit()
        frozen = bulk.run(bulk=self.frozen(action="cancel", search="status:queued"), actor=WHO)
        for _ in range(3):
            bulk.advance()
        frozen.refresh_from_db()
        assert (frozen.state, frozen.done) == (BulkState.DONE, 5)
        assert Job.objects.filter(status=Status.CANCELLED).count() == 5


def test_the_audit_record_cannot_be_changed(db: None) -> None:
    from sightline.audit import services

    services.write(actor=WHO, action="queue.pause", subject="ocr.default")
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        Entry.objects.update(actor="admin:eve")
    with pytest.raises(TypeError):
        Entry.objects.get().delete()

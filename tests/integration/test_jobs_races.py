"""Many threads at once on one database."""

from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

from sightline.fleet.models import Intake
from sightline.jobs.claims import Claim
from sightline.jobs.models import Attempt, IdempotencyKey, Job, JobEvent, Turn
from sightline.jobs.services import sweep
from sightline.jobs.services.cancel import cancel
from sightline.jobs.services.submit import Idempotency, Replayed, submit
from sightline.jobs.status import AttemptOutcome, Status

Parallel = Callable[[int, Callable[[int], Any]], list[Any]]
OCR, PROBATION, GPU0 = "ocr.default", "probation.default", "gpu0@host"


def test_no_two_claimants_get_one_job(domain: Any, in_parallel: Parallel) -> None:
    jobs = {domain.submit().pk for _ in range(60)}

    def drain(number: int) -> list[Claim]:
        taken = []
        while (claim := domain.claim(worker=f"worker-{number}")) is not None:
            taken.append(claim)
        return taken

    claims = [claim for taken in in_parallel(6, drain) for claim in taken]
    assert Counter(claim.job_id for claim in claims) == Counter(jobs)
    assert {claim.fence for claim in claims} == {1}
    assert Attempt.objects.count() == 60


def test_of_two_results_for_one_fence_one_is_written(domain: Any, in_parallel: Parallel) -> None:
    job = domain.submit()
    taken = domain.claimed()
    written = in_parallel(8, lambda number: domain.finish(taken, f"result {number}"))
    assert written.count(True) == 1
    job.refresh_from_db()
    assert job.output == {"text": f"result {written.index(True)}"}
    assert JobEvent.objects.filter(job=job, type="job.succeeded").count() == 1


def test_a_job_is_either_cancelled_or_finished(domain: Any, in_parallel: Parallel) -> None:
    for _ in range(10):
        job = domain.submit()
        taken = domain.claimed()
        verbs = [partial(cancel, job=job, actor="key:1"), partial(domain.finish, taken)]
        in_parallel(2, lambda number, verbs=verbs: verbs[number]())
        job.refresh_from_db()
        terminal = [event for event in domain.events(job) if event in ("job.cancelled", "job.succeeded")]
        assert terminal == [f"job.{job.status}"]
        assert (job.output is None) == (job.status == Status.CANCELLED)
        assert Attempt.objects.get(job=job).outcome == job.status


def test_several_sweepers_reclaim_a_lapsed_job_once(domain: Any, in_parallel: Parallel) -> None:
    job = domain.submit()
    domain.lapse(domain.claimed())
    assert sum(in_parallel(4, lambda _: sweep.reclaim_lapsed())) == 1
    job.refresh_from_db()
    assert (job.status, job.crashes) == (Status.QUEUED, 1)


def test_parallel_submits_of_one_tenant_get_different_turns(domain: Any, in_parallel: Parallel) -> None:
    domain.tenant()
    in_parallel(10, lambda _: [domain.submit() for _ in range(3)])
    turns = list(Job.objects.order_by("turn").values_list("turn", flat=True))
    assert turns == [1000 * (i + 1) for i in range(30)]
    assert Turn.objects.count() == 1


def test_fifty_requests_with_one_idempotency_key_make_one_job(domain: Any, in_parallel: Parallel) -> None:
    submission = domain.submission()
    idempotency = Idempotency(key="order-7", route="POST /api/v1/jobs", body_sha256="0" * 64)

    def post(_: int) -> tuple[str, bool]:
        answer = submit(
            submission=submission, idempotency=idempotency, render=lambda job: {"id": job.public_id}
        )
        if isinstance(answer, Replayed):
            return answer.response["id"], True
        return answer.public_id, False

    answers = in_parallel(50, post)
    assert len({public_id for public_id, _ in answers}) == 1
    assert [replayed for _, replayed in answers].count(False) == 1
    assert (Job.objects.count(), JobEvent.objects.count(), IdempotencyKey.objects.count()) == (1, 1, 1)
    assert Job.objects.get().turn == 1000


def test_two_threads_of_one_group_never_both_take_a_suspect(domain: Any, in_parallel: Parallel) -> None:
    domain.group(Intake.OPEN)
    for _ in range(6):
        domain.submit()
    for taken in [domain.claimed(group=GPU0) for _ in range(6)]:
        domain.fail(taken, AttemptOutcome.CRASH)
    domain.group(Intake.PROBATION)
    for _ in range(6):
        claims = in_parallel(6, lambda _: domain.claim(PROBATION, group=GPU0))
        aboard = [claim for claim in claims if claim is not None]
        assert len(aboard) == 1
        domain.finish(aboard[0])
    assert Job.objects.filter(status=Status.SUCCEEDED).count() == 6

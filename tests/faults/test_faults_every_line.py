"""Row 1: a process that dies at any line leaves whole rows, and the job is done once in the end.

A child is forked for each line: it runs one verb under a trace function and ends itself with `os._exit` when it
reaches line N, for N = 1, 2, … until it gets to the end alive. The trace sees the lines of the services, of what they
tell Redis, and of Django's transactions, so that the moments before and after a COMMIT are among them; for a whole
attempt, those of the worker as well.
"""

import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Any

import django.db.transaction
import pytest
from django.db import connection, connections
from support.domain import GPU0

import sightline
import sightline_workers
from sightline import redis_client
from sightline.cache.keys import REVISION_LENGTH
from sightline.cache.values import Wanted
from sightline.celery import queue_name
from sightline.clock import After
from sightline.fleet.models import Group, Intake
from sightline.jobs import wakeups
from sightline.jobs.models import IdempotencyKey, Job
from sightline.jobs.services import sweep
from sightline.jobs.services.cancel import cancel
from sightline.jobs.services.renew import renew
from sightline.jobs.services.retry import retry
from sightline.jobs.services.submit import Idempotency, submit
from sightline.jobs.status import ACTIVE, TERMINAL, AttemptOutcome, Status
from sightline.sessions.models import Session, Step
from sightline.sessions.services import changes as sessions
from sightline_workers.attempt import Runner
from sightline_workers.budget import Budget
from sightline_workers.engines.openai_http import OpenAIEngine
from sightline_workers.engines.twin.options import TwinOptions
from sightline_workers.engines.twin.process import TwinProcess
from sightline_workers.leases import Leases
from sightline_workers.ledger import Ledger
from sightline_workers.membership import Membership

pytestmark = pytest.mark.row(1)

_HOME = Path(sightline.__file__).parent
_TRACED = (
    str(_HOME / "jobs" / "services"),
    str(_HOME / "sessions" / "services"),
    str(_HOME / "jobs" / "turns.py"),
    str(_HOME / "jobs" / "wakeups.py"),
    str(_HOME / "events" / "notify.py"),
    str(_HOME / "redis_client.py"),
    str(django.db.transaction.__file__),
)
_WORKERS = Path(sightline_workers.__file__ or "").parent
_RUN = tuple(
    str(_WORKERS / name) for name in ("attempt.py", "claiming.py", "leases.py", "budget.py", "patience.py")
)
"""What a worker does around the services, between taking a wake-up and acknowledging it."""
_FOLLOWERS = (str(_HOME / "jobs" / "services" / "followers.py"),)
"""What settles the followers of a job. The services around it are killed at every line by other tests."""
_ACCEPTING = (*_FOLLOWERS, str(_HOME / "jobs" / "services" / "submit.py"))
_KILLED, _BROKEN = 9, 70


def _exit_at(line: int, traced: tuple[str, ...]) -> Callable[[FrameType, str, Any], Any]:
    seen = 0

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal seen
        if not frame.f_code.co_filename.startswith(traced):
            return None
        if event == "line":
            seen += 1
            if seen == line:
                os._exit(_KILLED)
        return trace

    return trace


def _survives(verb: Callable[[], Any], line: int, traced: tuple[str, ...]) -> bool:
    """Run the verb in a child that dies at its Nth line; True: it reached the end before that."""
    connections.close_all()
    if connection.vendor == "postgresql":
        connection.close_pool()  # its threads and sockets must not be shared with the child
    redis_client.client().close()
    child = os.fork()
    if child == 0:
        try:
            sys.settrace(_exit_at(line, traced))
            verb()
            sys.settrace(None)
            os._exit(0)
        except BaseException as error:
            os.write(2, f"{error!r}\n".encode())
            os._exit(_BROKEN)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    assert code in (0, _KILLED), "the verb failed instead of being killed"
    return code == 0


def _at_every_line(
    verb: Callable[[], Any],
    prepare: Callable[[], None],
    check: Callable[[], None],
    traced: tuple[str, ...] = _TRACED,
) -> int:
    """Kill `verb` at each of its lines, each time after `prepare` and before `check`; the number of lines."""
    line = 0
    while True:
        line += 1
        prepare()
        survived = _survives(verb, line, traced)
        check()
        if survived:
            assert line > 10, "the trace saw nothing"
            return line - 1


def _assert_whole(job: Job) -> None:
    """No half-written state: the row, its attempts and its events tell one story."""
    job.refresh_from_db()
    attempts = list(job.attempts.order_by("run"))
    events = list(job.events.order_by("id").values_list("type", "run"))
    assert [attempt.run for attempt in attempts] == list(range(1, job.run + 1))
    assert events[0][0] == "job.queued"
    assert [run for type, run in events if type == "job.started"] == list(range(1, job.run + 1))
    running = [attempt for attempt in attempts if attempt.outcome == AttemptOutcome.RUNNING]
    if job.status == Status.RUNNING:
        assert job.lease_until is not None
        assert [attempt.fence for attempt in running] == [job.fence]
        assert (job.output, job.error, job.ended_at) == (None, None, None)
    else:
        assert job.lease_until is None
        assert running == []
    if job.status in TERMINAL:
        assert events[-1][0] == f"job.{job.status}"
        assert job.ended_at is not None
        assert (job.output is None) != (job.error is None)
    else:
        assert job.output is None
        assert job.ended_at is None


class Scene:
    """A new job in a queue of its own for every line."""

    def __init__(self, domain: Any) -> None:
        self.domain = domain
        self.number = 0
        self.job: Any = None
        self.taken: Any = None

    @property
    def model(self) -> str:
        return f"m{self.number}"

    @property
    def queue(self) -> str:
        return queue_name("ocr", self.model)

    def queued(self) -> None:
        self.number += 1
        self.job = self.domain.submit(model=self.model)

    def running(self) -> None:
        self.queued()
        self.taken = self.domain.claimed(self.queue)

    def lapsed(self) -> None:
        self.running()
        self.domain.lapse(self.taken)

    def failed(self) -> None:
        self.running()
        self.domain.fail(self.taken, AttemptOutcome.PERMANENT)
        self.job.refresh_from_db()

    def check(self, *allowed: Status) -> None:
        _assert_whole(self.job)
        assert self.job.status in allowed

    def drain(self) -> None:
        """The faults are over: everything ends, once."""
        Job.objects.filter(status=Status.RUNNING).update(lease_until=After(-1))
        Job.objects.filter(status=Status.QUEUED).exclude(parked_until=None).update(parked_until=After(-1))
        sweep.reclaim_lapsed()
        sweep.unpark_due()
        for queue in Job.objects.filter(status=Status.QUEUED).values_list("queue", flat=True).distinct():
            while (taken := self.domain.claim(queue)) is not None:
                assert self.domain.finish(taken)
        assert not Job.objects.filter(status__in=ACTIVE).exists()
        for job in Job.objects.all():
            _assert_whole(job)
            ends = [type for type in self.domain.events(job) if type.removeprefix("job.") in TERMINAL]
            assert len(ends) == 1 + sum(event.data.get("retried", False) for event in job.events.all())


@pytest.fixture
def scene(domain: Any, settings: Any) -> Scene:
    settings.LEASE_S = 600
    return Scene(domain)


def test_a_submit_is_all_or_nothing(domain: Any, scene: Scene) -> None:
    tenant = domain.tenant()
    found: set[int] = set()

    def prepare() -> None:
        scene.number += 1

    def verb() -> None:
        submit(
            submission=domain.submission(tenant=tenant, model=scene.model, tags=["a"]),
            idempotency=Idempotency(key=scene.model, route="POST /api/v1/jobs", body_sha256="0" * 64),
            render=lambda job: {"id": job.public_id},
        )

    def check() -> None:
        jobs = list(Job.objects.filter(model=scene.model))
        found.add(len(jobs))
        assert IdempotencyKey.objects.filter(key=scene.model).count() == len(jobs)
        for job in jobs:
            _assert_whole(job)
            assert job.tag_rows.count() == 1
        missing = max(0, len(jobs) - wakeups.waiting(queue=scene.queue))
        assert sum(topped.sent for topped in sweep.top_up(queues=[scene.queue])) == missing

    _at_every_line(verb, prepare, check)
    assert found == {0, 1}
    scene.drain()


def test_a_claim_is_all_or_nothing(domain: Any, scene: Scene) -> None:
    _at_every_line(
        lambda: domain.claimed(scene.queue), scene.queued, lambda: scene.check(Status.QUEUED, Status.RUNNING)
    )
    scene.drain()


def test_a_renewal_is_all_or_nothing(domain: Any, scene: Scene) -> None:
    _at_every_line(
        lambda: renew(worker="worker-1", job_ids=[scene.job.pk]),
        scene.running,
        lambda: scene.check(Status.RUNNING),
    )
    scene.drain()


def test_a_finish_is_all_or_nothing(domain: Any, scene: Scene) -> None:
    _at_every_line(
        lambda: domain.finish(scene.taken),
        scene.running,
        lambda: scene.check(Status.RUNNING, Status.SUCCEEDED),
    )
    scene.drain()


def test_a_finish_adds_its_step_to_the_session_or_nothing_is_done(domain: Any, scene: Scene) -> None:
    session = sessions.create(tenant=domain.tenant(), kind="gui")

    def prepare() -> None:
        scene.running()
        now = Session.objects.get(pk=session.pk)
        Job.objects.filter(pk=scene.job.pk).update(
            session=now.pk, session_version=now.version, session_inherited=0
        )
        Session.objects.filter(pk=now.pk).update(job_id=scene.job.pk)
        scene.taken = replace(scene.taken, input={"history": []})

    def check() -> None:
        scene.check(Status.RUNNING, Status.SUCCEEDED)
        ended = scene.job.status == Status.SUCCEEDED
        assert Step.objects.filter(job_id=scene.job.pk).count() == ended
        assert Session.objects.get(pk=session.pk).version == Step.objects.count()

    _at_every_line(lambda: domain.finish(scene.taken), prepare, check)
    Job.objects.filter(status=Status.RUNNING).update(session=None)
    scene.drain()


@pytest.mark.parametrize(
    "outcome",
    [AttemptOutcome.TRANSIENT, AttemptOutcome.CRASH, AttemptOutcome.PERMANENT, AttemptOutcome.RELEASED],
)
def test_a_failure_is_all_or_nothing(domain: Any, scene: Scene, outcome: AttemptOutcome) -> None:
    _at_every_line(
        lambda: domain.fail(scene.taken, outcome),
        scene.running,
        lambda: scene.check(Status.RUNNING, Status.QUEUED, Status.FAILED),
    )
    scene.drain()


def test_a_cancel_is_all_or_nothing(domain: Any, scene: Scene) -> None:
    _at_every_line(
        lambda: cancel(job=scene.job, actor="key:1"),
        scene.running,
        lambda: scene.check(Status.RUNNING, Status.CANCELLED),
    )
    scene.drain()


def test_a_retry_is_all_or_nothing(domain: Any, scene: Scene) -> None:
    _at_every_line(
        lambda: retry(job=scene.job, actor="operator"),
        scene.failed,
        lambda: scene.check(Status.FAILED, Status.QUEUED),
    )
    scene.drain()


def test_a_sweep_is_all_or_nothing(domain: Any, scene: Scene) -> None:
    def counted() -> None:
        scene.check(Status.RUNNING, Status.QUEUED)
        assert scene.job.crashes == (scene.job.status == Status.QUEUED)
        sweep.reclaim_lapsed()  # so that the next child finds one lapsed job

    _at_every_line(sweep.reclaim_lapsed, scene.lapsed, counted)
    scene.drain()


def test_an_attempt_is_all_or_nothing(domain: Any, scene: Scene, tmp_path: Path) -> None:
    """From the wake-up to the acknowledgement, with a real client on a simulated engine."""
    ledger = Ledger(tmp_path / "budget.sock")

    def run(url: str) -> None:
        member = Membership(
            group="",  # it claims whatever the intake of a group says
            kind="chat",
            tag=scene.model,
            seats=1,
            most_seats=1,
            engine_url=url,
            served_model="default",
            max_concurrency=2,
            tests_suspects=False,
        )
        runner = Runner(
            member=member,
            engine=OpenAIEngine(url, max_concurrency=1),
            leases=Leases("worker-1"),
            budget=Budget(str(ledger.path)),
        )
        done = runner.run_next(queue=scene.queue, celery_task_id="task")
        assert done is not None
        assert done["status"] == Status.SUCCEEDED

    def queued() -> None:
        scene.number += 1
        given = {"messages": [{"role": "user", "content": "What is it?"}]}
        scene.job = domain.submit(kind="chat", seats="ocr", model=scene.model, input=given)

    with TwinProcess(TwinOptions(profile="instant")) as twin:
        try:
            lines = _at_every_line(
                lambda: run(twin.url),
                queued,
                lambda: scene.check(Status.QUEUED, Status.RUNNING, Status.SUCCEEDED),
                traced=_RUN,
            )
        finally:
            ledger.close()
    assert lines > 100
    scene.drain()


def _wanted(scene: Scene) -> Wanted:
    return Wanted(
        key=f"{'r' * REVISION_LENGTH}.{scene.number:043d}",
        prompt_key="",
        scope="tenant",
        kind="ocr",
        model=scene.model,
        mode="exact",
        ttl_s=60,
        pictures=(),
        media=(),
    )


def _identical(scene: Scene, *, run: bool) -> list[Job]:
    """A leader in a queue of its own with two followers; running, if asked."""
    scene.number += 1
    scene.domain.group(Intake.OPEN)
    Group.objects.update(revision="r" * REVISION_LENGTH)
    asked = {"model": scene.model, "cache": _wanted(scene), "cache_mode": "exact"}
    jobs = [scene.domain.submit(**asked) for _ in range(3)]
    if run:
        scene.taken = scene.domain.claimed(scene.queue, group=GPU0)
    return jobs


@pytest.mark.parametrize("ending", ["finish", "fail", "cancel", "expire"])
def test_followers_are_settled_with_their_leader_or_not_at_all(
    domain: Any, scene: Scene, ending: str
) -> None:
    jobs: list[Job] = []

    def prepare() -> None:
        jobs[:] = _identical(scene, run=ending in ("finish", "fail", "cancel"))
        if ending == "expire":
            Job.objects.filter(pk=jobs[0].pk).update(deadline_at=After(-1))

    def verb() -> None:
        match ending:
            case "finish":
                domain.finish(scene.taken)
            case "fail":
                domain.fail(scene.taken, AttemptOutcome.PERMANENT)
            case "expire":
                sweep.expire(job_id=jobs[0].pk)
            case _:
                cancel(job=jobs[0], actor="key:1")

    def check() -> None:
        for job in jobs:
            _assert_whole(job)
        leader, *others = jobs
        if leader.status in ACTIVE:
            assert {job.source for job in others} == {leader.pk}
        elif ending == "finish":
            assert {job.served_from for job in others} == {"coalesced"}
        else:
            running = Status.RUNNING if ending == "cancel" else Status.QUEUED
            (heir,) = [job for job in others if job.followed]
            (other,) = [job for job in others if not job.followed]
            assert other.source == heir.pk, "one takes the place, the other follows it"
            assert (heir.status, other.status) == (running, Status.QUEUED)
        assert Job.objects.filter(cache_key__isnull=False, model=scene.model).count() == 1
        for job in jobs:  # what is left ends before the next line
            cancel(job=job, actor="tests")

    _at_every_line(verb, prepare, check, _FOLLOWERS)
    assert not Job.objects.filter(status__in=ACTIVE).exists()


def test_a_hit_and_a_follower_are_accepted_whole_or_not_at_all(domain: Any, scene: Scene) -> None:
    leader, *_ = _identical(scene, run=True)
    seen: set[Any] = set()

    def verb() -> None:
        asked = {"model": scene.model, "cache": _wanted(scene), "cache_mode": "exact"}
        submit(submission=domain.submission(**asked, metadata={"new": True}, tags=["a"]))

    def check() -> None:
        for job in Job.objects.filter(metadata={"new": True}).exclude(pk__in=seen):
            seen.add(job.pk)
            _assert_whole(job)
            assert job.tag_rows.count() == 1
            assert job.source == leader.pk

    _at_every_line(verb, lambda: None, check, _ACCEPTING)
    assert domain.finish(scene.taken)
    _at_every_line(verb, lambda: None, check, _ACCEPTING)
    assert not Job.objects.filter(status__in=ACTIVE).exists()
    origins = Job.objects.filter(pk__in=seen).values_list("served_from", flat=True)
    assert set(origins) == {"coalesced", "cache"}

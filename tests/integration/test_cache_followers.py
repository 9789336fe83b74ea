"""Identical jobs in flight: one is done, the others get what it gets."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from sightline.cache import revisions
from sightline.cache.values import Wanted
from sightline.clock import After
from sightline.fleet.models import Group, Intake
from sightline.jobs import eta, wakeups
from sightline.jobs.models import Attempt, Job, JobEvent, Turn
from sightline.jobs.services import followers, sweep
from sightline.jobs.services.cancel import cancel
from sightline.jobs.services.inherit import inherited
from sightline.jobs.services.retry import retry
from sightline.jobs.status import AttemptOutcome, Status
from sightline.media.models import BlockedMedia
from sightline.telemetry import depth
from sightline.webhooks.models import Delivery

Parallel = Callable[[int, Callable[[int], Any]], list[Any]]
REVISION = "r" * 12
GPU0 = "gpu0@host"


def wanted(name: str = "a", *, scope: str = "tenant:acme", **more: Any) -> Wanted:
    key = f"{REVISION}.{name:x<43}"
    values: dict[str, Any] = {"mode": "exact", "ttl_s": 86_400, "kind": "ocr", "model": "default"}
    return Wanted(key=key, prompt_key=key, scope=scope, pictures=(), media=(), **{**values, **more})


@pytest.fixture
def fleet(domain: Any) -> Any:
    """The domain with a group whose engine serves the revision of the keys."""
    revisions.forget()
    domain.group(Intake.OPEN)
    Group.objects.update(revision=REVISION)
    return domain


def ask(domain: Any, name: str = "a", **more: Any) -> Job:
    mode = more.pop("mode", "exact")
    return domain.submit(cache=wanted(name, mode=mode), cache_mode=mode, **more)


def claimed(domain: Any, queue: str = "ocr.default") -> Any:
    return domain.claimed(queue, group=GPU0)


def fresh(*jobs: Job) -> None:
    for job in jobs:
        job.refresh_from_db()


def test_an_identical_job_follows_and_ends_with_its_leader(fleet: Any) -> None:
    leader, follower = ask(fleet), ask(fleet)
    fresh(leader, follower)
    assert (follower.source, leader.followed, follower.status) == (leader.pk, True, Status.QUEUED)
    taken = claimed(fleet)
    assert taken.job_id == leader.pk
    assert fleet.claim(group=GPU0) is None
    assert fleet.finish(taken, "Hello")
    fresh(leader, follower)
    assert (leader.served_from, follower.served_from) == ("engine", "coalesced")
    assert follower.output == leader.output == {"text": "Hello"}
    assert (follower.status, follower.run, follower.parked_until) == (Status.SUCCEEDED, 0, None)
    assert follower.usage == {"input_tokens": 0, "image_tokens": 0, "output_tokens": 0}
    assert follower.ended_at is not None
    assert fleet.events(follower) == ["job.queued", "job.following", "job.following", "job.succeeded"]
    assert not follower.attempts.exists()


def test_a_hundred_identical_jobs_at_once_run_once(fleet: Any, in_parallel: Parallel) -> None:
    tenant = fleet.tenant()
    jobs = [
        job
        for some in in_parallel(
            20,
            lambda _: [ask(fleet, tenant=tenant, webhook_url="https://example.com/hook") for _ in range(5)],
        )
        for job in some
    ]
    leaders = [job for job in jobs if job.source is None]
    assert len(leaders) == 1
    assert {job.source for job in jobs} == {None, leaders[0].pk}
    taken = claimed(fleet)
    assert fleet.claim(group=GPU0) is None
    assert fleet.finish(taken)
    assert Attempt.objects.count() == 1
    assert Job.objects.filter(status=Status.SUCCEEDED, output={"text": "read"}).count() == 100
    assert Delivery.objects.values("job_id").distinct().count() == Delivery.objects.count() == 100
    assert Counter(JobEvent.objects.values_list("type", flat=True)) == {
        "job.queued": 100,
        "job.following": 2 * 99,  # as it joins, and as the leader begins
        "job.started": 1,
        "job.succeeded": 100,
    }
    assert Turn.objects.get().last == 1000, "a follower costs its tenant no turn"


def test_a_leader_that_ends_while_others_join_leaves_nobody_behind(fleet: Any, in_parallel: Parallel) -> None:
    tenant = fleet.tenant()
    for number in range(8):
        name = f"race{number}"
        leader = ask(fleet, name, tenant=tenant)
        taken = claimed(fleet)

        def act(who: int, name: str = name, taken: Any = taken) -> Any:
            return fleet.finish(taken) if who == 3 else ask(fleet, name, tenant=tenant)

        others = [job for job in in_parallel(6, act) if isinstance(job, Job)]
        fresh(leader, *others)
        assert {job.status for job in (leader, *others)} == {Status.SUCCEEDED}
        assert {job.served_from for job in others} <= {"cache", "coalesced"}
        assert Job.objects.filter(cache_key=leader.cache_key).get() == leader


@pytest.mark.parametrize(
    "outcome", [AttemptOutcome.PERMANENT, AttemptOutcome.TRANSIENT, AttemptOutcome.EXPIRED]
)
def test_a_leaders_failure_promotes_a_follower_with_tries_of_its_own(
    fleet: Any, outcome: AttemptOutcome
) -> None:
    leader = ask(fleet, max_attempts=1)
    first, second = ask(fleet, max_attempts=3), ask(fleet)
    key = leader.cache_key
    fleet.fail(claimed(fleet), outcome)
    fresh(leader, first, second)
    assert leader.status in (Status.FAILED, Status.EXPIRED)
    assert (leader.cache_key, first.cache_key, second.cache_key) == (None, key, None)
    assert (first.source, first.parked_until, first.followed, first.tries) == (None, None, True, 0)
    assert (first.turn, first.queue) == (leader.turn, leader.queue)
    assert second.source == first.pk
    taken = claimed(fleet)
    assert (taken.job_id, taken.max_attempts) == (first.pk, 3)
    third = ask(fleet)
    assert third.source == first.pk
    fleet.finish(taken)
    fresh(first, second, third)
    assert {job.status for job in (first, second, third)} == {Status.SUCCEEDED}
    assert Job.objects.get(cache_key=key) == first


def test_an_attempt_that_fails_for_now_keeps_the_followers(fleet: Any) -> None:
    leader, follower = ask(fleet), ask(fleet)
    assert fleet.fail(claimed(fleet), AttemptOutcome.TRANSIENT) is Status.QUEUED
    fleet.unpark(leader)
    assert sweep.unpark_due() == 1, "a follower is in no backoff that ends"
    fleet.finish(claimed(fleet))
    fresh(follower)
    assert follower.served_from == "coalesced"


def test_what_killed_engines_is_not_tried_again_by_its_followers(fleet: Any) -> None:
    leader = ask(fleet, images=["p" * 64])
    follower = ask(fleet, images=["p" * 64], webhook_url="https://example.com/hook")
    fleet.fail(claimed(fleet), AttemptOutcome.CRASH)
    for _ in range(2):
        fleet.group(Intake.PROBATION)
        fleet.fail(claimed(fleet, "probation.default"), AttemptOutcome.CRASH)
    fresh(leader, follower)
    assert (leader.status, follower.status) == (Status.QUARANTINED, Status.QUARANTINED)
    assert follower.error == leader.error
    assert Delivery.objects.get().job_id == follower.pk
    assert BlockedMedia.objects.filter(pixel_sha256="p" * 64).exists()


def test_a_suspects_follower_that_is_promoted_is_a_suspect(fleet: Any) -> None:
    leader, follower = ask(fleet), ask(fleet)
    fleet.fail(claimed(fleet), AttemptOutcome.CRASH)
    cancel(job=leader, actor="key:1")
    fresh(follower)
    assert (follower.suspect, follower.queue, follower.source) == (True, "probation.default", None)


def test_a_cancelled_follower_leaves_the_others_alone(fleet: Any) -> None:
    leader, first, second = ask(fleet), ask(fleet), ask(fleet)
    assert cancel(job=first, actor="key:1") is False
    fleet.finish(claimed(fleet))
    fresh(leader, first, second)
    assert [job.status for job in (leader, first, second)] == ["succeeded", "cancelled", "succeeded"]
    assert first.output is None
    assert fleet.events(first) == ["job.queued", "job.following", "job.cancelled"]


def test_a_cancelled_queued_leader_gives_its_place_to_a_follower(fleet: Any) -> None:
    leader, other, follower = ask(fleet), ask(fleet, "b"), ask(fleet)
    cancel(job=leader, actor="key:1")
    fresh(leader, follower)
    assert (leader.status, follower.source, follower.turn) == (Status.CANCELLED, None, leader.turn)
    assert claimed(fleet).job_id == follower.pk, "it keeps the leader's place"
    assert claimed(fleet).job_id == other.pk


def test_an_attempt_is_stopped_only_when_all_who_want_its_answer_are_gone(fleet: Any) -> None:
    leader, first, second = ask(fleet), ask(fleet), ask(fleet)
    taken = claimed(fleet)
    assert cancel(job=leader, actor="key:1") is False, "the worker goes on"
    fresh(leader, first, second)
    assert (leader.status, first.status, second.source) == (Status.CANCELLED, Status.RUNNING, first.pk)
    assert not fleet.finish(taken, "for the leader")
    heir = inherited(taken)
    assert heir is not None
    assert (heir.job_id, heir.tenant_id, heir.input) == (first.pk, first.tenant_id, taken.input)
    assert cancel(job=first, actor="key:1") is False
    heir = inherited(taken)
    assert heir is not None
    assert heir.job_id == second.pk
    assert cancel(job=second, actor="key:1") is True, "now it is stopped"
    assert inherited(taken) is None
    assert not Job.objects.filter(cache_key__isnull=False).exists()


def test_the_heir_of_a_cancelled_leader_gets_the_answer_of_its_attempt(fleet: Any) -> None:
    leader, first, second = ask(fleet), ask(fleet), ask(fleet)
    taken = claimed(fleet)
    cancel(job=leader, actor="key:1")
    heir = inherited(taken)
    assert heir is not None
    assert fleet.finish(heir, "late but right")
    fresh(leader, first, second)
    assert [job.status for job in (leader, first, second)] == ["cancelled", "succeeded", "succeeded"]
    assert [job.served_from for job in (first, second)] == ["engine", "coalesced"]
    assert first.output == second.output == {"text": "late but right"}
    assert [a.outcome for a in Attempt.objects.order_by("id")] == ["cancelled", "succeeded"]
    assert fleet.events(first) == [
        "job.queued",
        "job.following",
        "job.following",
        "job.started",
        "job.succeeded",
    ]


def test_a_lapsed_heir_is_a_job_like_any_other(fleet: Any) -> None:
    leader, heir = ask(fleet), ask(fleet)
    taken = claimed(fleet)
    cancel(job=leader, actor="key:1")
    Job.objects.filter(pk=heir.pk).update(lease_until=After(-1))
    assert sweep.reclaim_lapsed() == 1
    fresh(heir)
    assert (heir.status, heir.source, heir.crashes) == (Status.QUEUED, None, 1)
    assert inherited(taken) is None
    assert claimed(fleet).job_id == heir.pk


def test_a_followers_deadline_is_its_own(fleet: Any) -> None:
    leader = ask(fleet)
    follower = ask(fleet, deadline_ms=60_000)
    assert follower.deadline_at is not None
    Job.objects.filter(pk=follower.pk).update(deadline_at=After(-1))
    assert sweep.expire_deadlines() == 1
    fresh(leader, follower)
    assert (leader.status, follower.status) == (Status.QUEUED, Status.EXPIRED)


def test_an_expired_leader_promotes(fleet: Any) -> None:
    leader, follower = ask(fleet, deadline_ms=60_000), ask(fleet)
    Job.objects.filter(pk=leader.pk).update(deadline_at=After(-1))
    assert sweep.expire_deadlines() == 1
    fresh(leader, follower)
    assert (leader.status, leader.cache_key) == (Status.EXPIRED, None)
    assert (follower.source, follower.cache_key is None) == (None, False)
    assert claimed(fleet).job_id == follower.pk


def test_a_leader_that_waits_gets_the_best_class_among_its_followers(fleet: Any) -> None:
    leader = ask(fleet, kind="chat", seats="ocr")
    plain = ask(fleet, kind="chat", seats="ocr")
    quick = ask(fleet, kind="chat", seats="gui")
    fresh(leader, plain, quick)
    assert (leader.queue, plain.queue, quick.queue) == ("gui.default", "ocr.default", "gui.default")
    assert fleet.claim("ocr.default", group=GPU0) is None
    late = ask(fleet, kind="chat", seats="ocr")
    fresh(leader)
    assert leader.queue == "gui.default"
    fleet.finish(claimed(fleet, "gui.default"))
    fresh(plain, quick, late)
    assert {job.served_from for job in (plain, quick, late)} == {"coalesced"}


def test_the_best_follower_is_promoted_first(fleet: Any) -> None:
    leader = ask(fleet, kind="chat", seats="ocr")
    slow = ask(fleet, kind="chat", seats="ocr")
    taken = claimed(fleet)
    quick = ask(fleet, kind="chat", seats="gui")
    fleet.fail(taken, AttemptOutcome.PERMANENT)
    fresh(leader, slow, quick)
    assert (quick.source, quick.queue, slow.source) == (None, "gui.default", quick.pk)


def test_incomplete_output_goes_to_the_followers_and_into_no_cache(fleet: Any) -> None:
    leader, follower = ask(fleet), ask(fleet)
    fleet.finish(claimed(fleet), complete=False)
    fresh(leader, follower)
    assert (leader.status, follower.status) == (Status.INCOMPLETE, Status.INCOMPLETE)
    assert (follower.finish_reason, follower.output) == (leader.finish_reason, leader.output)
    assert ask(fleet).source is None


def test_a_follower_waits_for_no_seat(fleet: Any) -> None:
    for _ in range(4):
        ask(fleet)
    newcomer = ask(fleet, "b")
    assert eta.ahead(newcomer) == 1
    assert (depth.of("ocr.default").depth, depth.of("ocr.default").parked) == (2, 0)
    assert sweep.claimable(queue="ocr.default", most=10) == 2
    assert wakeups.waiting(queue="ocr.default") == 2


def test_a_follower_whose_leader_was_deleted_by_hand_runs_itself(fleet: Any) -> None:
    leader, follower = ask(fleet), ask(fleet)
    assert followers.release_orphans() == 0
    Job.objects.filter(pk=leader.pk).delete()
    assert followers.release_orphans() == 1
    assert claimed(fleet).job_id == follower.pk


def test_a_retried_follower_is_a_job_of_its_own(fleet: Any) -> None:
    ask(fleet)
    follower = ask(fleet)
    cancel(job=follower, actor="key:1")
    fresh(follower)
    retry(job=follower, actor="operator")
    fresh(follower)
    assert (follower.status, follower.source, follower.parked_until) == (Status.QUEUED, None, None)


def test_tenants_do_not_follow_each_other_and_groups_do(fleet: Any) -> None:
    mine = fleet.submit(tenant=fleet.tenant("a"), cache=wanted("a", scope="tenant:a"), cache_mode="exact")
    shared = wanted("shared", scope="group:g")
    first = fleet.submit(tenant=fleet.tenant("a"), cache=shared, cache_mode="exact")
    second = fleet.submit(tenant=fleet.tenant("b"), cache=shared, cache_mode="exact")
    assert (mine.source, first.source, second.source) == (None, None, first.pk)
    cancel(job=first, actor="key:a")
    fresh(second)
    assert second.source is None
    assert second.tenant_id == fleet.tenant("b").pk

"""Identical jobs in flight: one is done, the others get what it gets."""

from collections.abc import Callable
from typing import Any

import pytest

from sightline.cache import revisions
from sightline.cache.values import Wanted
from sightline.fleet.models import Group, Intake
from sightline.jobs.models import Job
from sightline.jobs.status import Status

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
    assert fleet.events(follower) == ["job.queued", "job.succeeded"]
    assert not follower.attempts.exists()

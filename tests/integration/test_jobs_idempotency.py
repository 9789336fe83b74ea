"""A request that names itself is answered once and replayed afterwards."""

from typing import Any

import pytest

from sightline.jobs.models import IdempotencyKey, Job
from sightline.jobs.services.submit import Idempotency, IdempotencyMismatch, Replayed, replayed, submit

KEY = Idempotency(key="order-7", route="POST /api/v1/jobs", body_sha256="0" * 64)


def render(job: Job) -> dict[str, Any]:
    return {"id": job.public_id, "status": job.status}


def test_the_second_request_gets_the_first_answer(domain: Any) -> None:
    first = submit(submission=domain.submission(), idempotency=KEY, render=render)
    assert isinstance(first, Job)
    domain.finish(domain.claimed())
    second = submit(submission=domain.submission(), idempotency=KEY, render=render)
    assert isinstance(second, Replayed)
    assert second.job == first
    assert second.status == 202
    assert second.response == {"id": first.public_id, "status": "queued"}
    assert Job.objects.count() == 1


def test_the_same_key_with_another_body_is_refused(domain: Any) -> None:
    submit(submission=domain.submission(), idempotency=KEY, render=render)
    other = Idempotency(key=KEY.key, route=KEY.route, body_sha256="1" * 64)
    with pytest.raises(IdempotencyMismatch):
        submit(submission=domain.submission(), idempotency=other, render=render)
    assert Job.objects.count() == 1


def test_keys_of_two_tenants_and_two_routes_are_different(domain: Any) -> None:
    submit(submission=domain.submission(), idempotency=KEY, render=render)
    elsewhere = domain.submission(tenant=domain.tenant("other"))
    assert isinstance(submit(submission=elsewhere, idempotency=KEY, render=render), Job)
    route = Idempotency(key=KEY.key, route="POST /v1/chat/completions", body_sha256="0" * 64)
    assert isinstance(submit(submission=domain.submission(), idempotency=route, render=render), Job)
    assert Job.objects.count() == 3


def test_a_key_without_an_answer_yet_is_free(domain: Any) -> None:
    assert replayed(tenant=domain.tenant(), idempotency=KEY) is None


def test_an_answer_that_cannot_be_rendered_leaves_nothing_behind(domain: Any) -> None:
    def broken(job: Job) -> dict[str, Any]:
        raise RuntimeError("no answer")

    with pytest.raises(RuntimeError, match="no answer"):
        submit(submission=domain.submission(), idempotency=KEY, render=broken)
    assert (Job.objects.count(), IdempotencyKey.objects.count()) == (0, 0)
    assert domain.submit().turn == 1000

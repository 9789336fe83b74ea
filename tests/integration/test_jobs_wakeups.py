"""Wake-ups: lost, surplus, topped up; a queue that is paused; a broker that is away."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest
from support.redis_server import RedisServer

from sightline import redis_client
from sightline.celery import PREPARE, app, task_name
from sightline.fleet import queues
from sightline.jobs import wakeups
from sightline.jobs.models import Job
from sightline.jobs.services import sweep
from sightline.jobs.services.retry import retry
from sightline.jobs.status import AttemptOutcome, Status

OCR, GUI, PROBATION = "ocr.default", "gui.default", "probation.default"


def test_a_submit_sends_one_wake_up_to_its_queue(domain: Any) -> None:
    domain.submit()
    domain.submit(kind="gui")
    domain.submit(kind="gui")
    assert wakeups.waiting(queue=OCR) == 1
    assert wakeups.waiting(queue=GUI) == 2
    assert sweep.top_up(queues=queues.names()) == []


def test_a_wake_up_is_the_message_that_celery_itself_would_send(
    domain: Any, redis_server: RedisServer
) -> None:
    app.send_task(task_name(OCR), args=[OCR], queue=OCR)
    wakeups.publish(queue=OCR, count=2)
    theirs, *ours = [json.loads(text) for text in redis_client.client().lrange(OCR, 0, -1)[::-1]]
    tags = {message["properties"]["delivery_tag"] for message in ours}
    tasks = {message["headers"]["id"] for message in ours}
    assert len(tags) == len(tasks) == 2
    for message in (theirs, *ours):
        task = message["headers"].pop("id")
        assert message["headers"].pop("root_id") == message["properties"].pop("correlation_id") == task
        message["body"] = json.loads(base64.b64decode(message["body"]))
        # Where results would go, which nobody asks for.
        del message["properties"]["delivery_tag"], message["properties"]["reply_to"]
        del message["headers"]["ignore_result"]
    assert ours == [theirs, theirs]


def test_a_retry_sends_a_wake_up(domain: Any) -> None:
    job = domain.submit()
    domain.fail(domain.claimed(), AttemptOutcome.PERMANENT)
    job.refresh_from_db()
    retry(job=job, actor="operator")
    assert wakeups.waiting(queue=OCR) == 2


def test_what_the_broker_lost_is_sent_again_in_one_sweep(domain: Any, redis_server: RedisServer) -> None:
    for _ in range(5):
        domain.submit()
    domain.submit(kind="gui")
    redis_server.flush()
    assert wakeups.waiting(queue=OCR) == 0
    found = {found.queue: found.sent for found in sweep.top_up(queues=queues.names())}
    assert found == {OCR: 5, GUI: 1}
    assert wakeups.waiting(queue=OCR) == 5
    assert sweep.top_up(queues=queues.names()) == []


def test_a_top_up_sends_no_more_than_it_may_and_the_next_one_goes_on(
    domain: Any, redis_server: RedisServer
) -> None:
    for _ in range(7):
        domain.submit()
    redis_server.flush()
    assert [sweep.top_up(queues=[OCR], most=3)[0].sent for _ in range(2)] == [3, 3]
    assert sweep.top_up(queues=[OCR], most=3)[0].sent == 1
    assert sweep.top_up(queues=[OCR], most=3) == []


def test_running_parked_and_ended_jobs_need_no_wake_up(domain: Any, redis_server: RedisServer) -> None:
    for _ in range(4):
        domain.submit()
    domain.finish(domain.claimed())
    domain.fail(domain.claimed(), AttemptOutcome.TRANSIENT)
    domain.claimed()
    redis_server.flush()
    assert [(found.queue, found.sent) for found in sweep.top_up(queues=[OCR])] == [(OCR, 1)]


def test_a_suspect_is_woken_by_the_sweep_in_its_new_queue(domain: Any) -> None:
    domain.submit()
    domain.fail(domain.claimed(), AttemptOutcome.CRASH)
    assert [(found.queue, found.sent) for found in sweep.top_up(queues=queues.names())] == [(PROBATION, 1)]


def test_a_paused_queue_gives_nothing_and_needs_no_wake_ups(domain: Any, redis_server: RedisServer) -> None:
    queues.pause(name=OCR, actor="operator")
    job = domain.submit()
    gui = domain.submit(kind="gui")
    assert domain.claim(OCR) is None
    assert domain.claimed(GUI).job_id == gui.pk
    redis_server.flush()
    assert sweep.top_up(queues=queues.names()) == []
    queues.resume(name=OCR, actor="operator")
    assert [found.queue for found in sweep.top_up(queues=queues.names())] == [OCR]
    assert domain.claimed(OCR).job_id == job.pk


def test_pausing_twice_and_resuming_an_open_queue_is_harmless(domain: Any) -> None:
    queues.resume(name=OCR, actor="operator")
    queues.pause(name=OCR, actor="one")
    queues.pause(name=OCR, actor="two")
    domain.submit()
    assert domain.claim(OCR) is None
    queues.resume(name=OCR, actor="two")
    assert domain.claim(OCR) is not None


def test_every_queue_of_every_tag_is_swept() -> None:
    assert queues.names(tags=["a", "b@int4"]) == [
        "gui.a",
        "chat.a",
        "ocr.a",
        "gui.b@int4",
        "chat.b@int4",
        "ocr.b@int4",
        "probation.a",
        "probation.b@int4",
        PREPARE,
    ]


@pytest.fixture
def own_client(domain: Any, own_redis: RedisServer, settings: Any) -> Iterator[RedisServer]:
    """The process's Redis client, as it is configured, on a server that the test may kill."""
    settings.REDIS_URL = own_redis.url
    redis_client.client.cache_clear()
    yield own_redis
    redis_client.client().close()
    redis_client.client.cache_clear()


def test_a_job_is_accepted_while_redis_is_dead_and_woken_when_it_is_back(
    domain: Any, own_client: RedisServer
) -> None:
    own_client.kill()
    assert sweep.top_up(queues=queues.names()) == []  # opens the breaker
    assert not redis_client.breaker.closed
    job = domain.submit()
    assert Job.objects.get(pk=job.pk).status == Status.QUEUED
    redis_client.breaker.close()
    own_client.start()
    assert [(found.queue, found.sent) for found in sweep.top_up(queues=queues.names())] == [(OCR, 1)]
    assert domain.finish(domain.claimed())


def test_a_restarted_redis_costs_no_notice(domain: Any, own_client: RedisServer) -> None:
    assert wakeups.waiting(queue=OCR) == 0
    own_client.kill()
    own_client.start()
    assert wakeups.waiting(queue=OCR) == 0
    assert redis_client.breaker.closed

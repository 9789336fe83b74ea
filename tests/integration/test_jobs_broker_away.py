"""Redis refuses, or accepts and never answers: how often it is tried, counted rather than timed.

One attempt at a black hole costs `REDIS_TIMEOUT_S` (0.5 s in web processes), so two attempts are what a submit may
cost in 1.1 s.
"""

import socket
from collections.abc import Iterator
from typing import Any

import kombu.pools
import pytest
from support.black_hole import BlackHole

from sightline import redis_client
from sightline.celery import app
from sightline.events import notify
from sightline.jobs import wakeups
from sightline.jobs.models import Job
from sightline.jobs.services.cancel import cancel
from sightline.redis_client import Breaker, RedisAway, call


def _use(url: str, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Point the client and the broker of this process at `url`, with time-outs that keep the test short."""
    settings.REDIS_URL, settings.REDIS_TIMEOUT_S = url, 0.1
    redis_client.client.cache_clear()
    redis_client.breaker.close()
    options = {**app.conf.broker_transport_options, "socket_timeout": 0.1, "socket_connect_timeout": 0.1}
    monkeypatch.setitem(app.conf, "broker_url", url)
    monkeypatch.setitem(app.conf, "broker_transport_options", options)
    _forget_broker()


def _forget_broker() -> None:
    kombu.pools.reset()
    app._pool = None
    app.amqp._producer_pool = None


@pytest.fixture
def black_hole(domain: Any, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[BlackHole]:
    hole = BlackHole()
    _use(hole.url, settings, monkeypatch)
    yield hole
    hole.close()
    monkeypatch.undo()
    redis_client.client().close()
    redis_client.client.cache_clear()
    redis_client.breaker.close()
    _forget_broker()


def test_web_processes_wait_half_a_second_at_most(settings: Any) -> None:
    assert settings.ROLE == "web"
    assert settings.REDIS_TIMEOUT_S == 0.5
    options = app.conf.broker_transport_options
    assert (options["socket_timeout"], options["socket_connect_timeout"]) == (0.5, 0.5)
    assert app.conf.task_publish_retry_policy["max_retries"] == 1
    assert app.conf.task_publish_retry_policy["interval_start"] == 0


def test_a_black_hole_costs_a_submit_two_attempts_and_the_next_ones_none(
    domain: Any, black_hole: BlackHole
) -> None:
    domain.submit()
    assert black_hole.accepted <= 2
    tried = black_hole.accepted
    for _ in range(5):
        domain.submit()
    assert black_hole.accepted == tried
    assert Job.objects.count() == 6


def test_a_black_hole_costs_a_notice_one_attempt(domain: Any, black_hole: BlackHole) -> None:
    job = domain.submit()
    redis_client.breaker.close()
    before = black_hole.accepted
    notify.ended(job_id=job.pk, status="succeeded")
    assert black_hole.accepted - before == 1


def test_one_failure_speaks_for_all_uses_of_redis(domain: Any, black_hole: BlackHole) -> None:
    with pytest.raises(RedisAway):
        call(lambda redis: redis.ping())
    tried = black_hole.accepted
    domain.submit()
    taken = domain.claimed()
    assert domain.finish(taken)
    cancel(job=domain.submit(), actor="key:1")
    with pytest.raises(RedisAway):
        wakeups.waiting(queue="ocr.default")
    assert black_hole.accepted == tried


def test_a_job_is_accepted_run_and_finished_while_redis_refuses(
    domain: Any, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    _use(f"redis://127.0.0.1:{port}/0", settings, monkeypatch)
    monkeypatch.setattr(redis_client.breaker, "pause_s", 0.0)  # every use tries
    job = domain.submit()
    assert domain.finish(domain.claimed())
    job.refresh_from_db()
    assert job.status == "succeeded"
    monkeypatch.undo()
    redis_client.client().close()
    redis_client.client.cache_clear()
    _forget_broker()


def test_a_broker_that_comes_back_is_used_again(
    domain: Any, black_hole: BlackHole, redis_server: Any
) -> None:
    domain.submit()
    assert not redis_client.breaker.closed
    breaker = Breaker(pause_s=0.0)
    with pytest.raises(RedisAway):
        breaker.call(lambda: redis_client.client().ping())
    assert breaker.call(lambda: "PONG") == "PONG"
    assert breaker.closed

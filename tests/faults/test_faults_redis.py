"""Rows 5, 6, 9 and 17 of the fault matrix: the broker wakes people up, and no job depends on it."""

import base64
import json
import os
import signal
import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis
from celery import Celery
from support.bodies import KINDS, body
from support.client import Crowd
from support.platform import TENANTS, Platform
from support.waiting import until

PATIENT_S = 5.0
"""A submit with a hung Redis answers within 1.1 s on a quiet machine; without the breaker it takes 25 s."""


def _redis(platform: Platform) -> redis.Redis:
    return redis.Redis(unix_socket_path=str(platform.redis.socket))


@contextmanager
def _crowd(platform: Platform, seed: int) -> Iterator[Crowd]:
    clients = [platform.client(tenant) for tenant in TENANTS]
    base = seed * 1_000_000

    def make(chance, number):  # type: ignore[no-untyped-def]
        return body(chance.choice(KINDS), base + number)

    with Crowd(clients, make=make, seed=seed, pause_s=0.15, cancels=0.05) as crowd:
        yield crowd
    assert not crowd.errors


def _more(crowd: Crowd, count: int) -> None:
    seen = len(crowd.jobs)
    until(lambda: len(crowd.jobs) >= seen + count, what="clients go on")


@pytest.mark.row(5)
def test_a_killed_redis_loses_no_job(platform: Platform) -> None:
    with _crowd(platform, 3) as crowd:
        for _ in range(2):
            _more(crowd, 5)
            platform.redis.kill()
            _more(crowd, 3)
            platform.redis.start()
    platform.drained()


@pytest.mark.row(5)
def test_a_flushed_redis_is_healed_by_the_sweeper(platform: Platform) -> None:
    client = platform.client()
    for name in platform.group_names:
        platform.twin(name).faults(delay_s=0.5)
    jobs = [client.submit(body(KINDS[n % 3], 400 + n)) for n in range(30)]
    with _redis(platform) as connection:
        connection.flushall()
    assert {client.wait(job)["status"] for job in jobs} == {"succeeded"}


@pytest.mark.row(5)
def test_submitting_while_redis_hangs_is_quick_and_kept(platform: Platform) -> None:
    client = platform.client()
    pid = platform.redis.process.pid  # type: ignore[union-attr]
    os.kill(pid, signal.SIGSTOP)
    try:
        took, jobs = [], []
        for number in range(6):
            began = time.monotonic()
            jobs.append(client.submit(body("chat", 500 + number)))
            took.append(time.monotonic() - began)
    finally:
        os.kill(pid, signal.SIGCONT)
    print(f"submits while Redis hangs took {', '.join(f'{seconds:.2f}' for seconds in took)} s")
    assert max(took) < PATIENT_S
    assert {client.wait(job)["status"] for job in jobs} == {"succeeded"}


@pytest.mark.row(5)
def test_workers_come_back_from_a_redis_that_hung(platform: Platform) -> None:
    """Longer than the workers' time-outs, so that their connections are given up."""
    client = platform.client()
    pid = platform.redis.process.pid  # type: ignore[union-attr]
    os.kill(pid, signal.SIGSTOP)
    held = threading.Event()
    held.wait(8.0)
    os.kill(pid, signal.SIGCONT)
    jobs = [client.submit(body(kind, 520)) for kind in KINDS]
    assert {client.wait(job)["status"] for job in jobs} == {"succeeded"}


@pytest.mark.row(6)
def test_a_full_redis_loses_no_job(platform: Platform) -> None:
    client = platform.client()
    with _redis(platform) as connection:
        connection.config_set("maxmemory", 1)
        try:
            jobs = [client.submit(body(kind, 540)) for kind in KINDS]
        finally:
            connection.config_set("maxmemory", 0)
    assert {client.wait(job)["status"] for job in jobs} == {"succeeded"}


@pytest.mark.row(17)
def test_garbage_and_pickle_in_a_queue_run_nothing(platform: Platform, tmp_path: Path) -> None:
    client = platform.client()
    proof = tmp_path / "executed"
    pickled = f"cposix\nsystem\n(S'touch {proof}'\ntR."
    message = {
        "body": base64.b64encode(pickled.encode()).decode(),
        "content-encoding": "binary",
        "content-type": "application/x-python-serialize",
        "headers": {
            "lang": "py",
            "task": "sightline.run_next",
            "id": str(uuid.uuid4()),
            "argsrepr": "",
            "kwargsrepr": "",
        },
        "properties": {
            "correlation_id": "x",
            "delivery_mode": 2,
            "delivery_info": {"exchange": "", "routing_key": "chat.default"},
            "priority": 0,
            "body_encoding": "base64",
            "delivery_tag": str(uuid.uuid4()),
        },
    }
    with _redis(platform) as connection:
        for queue in ("chat.default", "gui.default"):
            connection.lpush(queue, json.dumps(message))
            connection.lpush(queue, b"\x80\x04garbage that is no JSON")
            connection.lpush(queue, "{}")
    jobs = [client.submit(body(kind, 560)) for kind in KINDS]
    assert {client.wait(job)["status"] for job in jobs} == {"succeeded"}
    assert not proof.exists()


@pytest.mark.row(9)
def test_a_wake_up_delivered_five_times_runs_its_job_once(platform: Platform) -> None:
    client = platform.client()
    jobs = []
    with Celery(broker=platform.redis.url.replace("unix://", "redis+socket://", 1)) as broker:
        for number in range(4):
            jobs.append(client.submit(body("ocr", 580 + number)))
            for _ in range(5):
                broker.send_task("sightline.run_next", args=["ocr.default"], queue="ocr.default")
    assert {client.wait(job)["status"] for job in jobs} == {"succeeded"}
    assert [len(platform.attempts(job)) for job in jobs] == [1] * 4


@pytest.mark.row(9)
def test_fifty_requests_with_one_idempotency_key_are_one_job(platform: Platform) -> None:
    client = platform.client()
    asked, ref = body("gui", 590), str(uuid.uuid4())

    def send(_: int) -> str:
        while True:
            answer = client.post(asked, ref)
            assert answer is not None
            if answer.status_code in (200, 202):
                return str(answer.json()["id"])
            assert answer.status_code in (409, 503), answer.text

    with ThreadPoolExecutor(16) as pool:
        jobs = set(pool.map(send, range(50)))
    (job,) = jobs
    assert client.wait(job)["status"] == "succeeded"
    assert len(platform.attempts(job)) == 1

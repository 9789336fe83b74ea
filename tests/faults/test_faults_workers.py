"""Rows 1, 2, 11 and 19 of the fault matrix: workers that are killed, frozen, misled by their clock, shut down."""

import os
import signal
from pathlib import Path

import pytest
from support.bodies import KINDS, body
from support.client import Client, Crowd
from support.platform import TENANTS, Platform
from support.waiting import until

CLOCK_OFF_BY_AN_HOUR = """
import time
_time, _time_ns = time.time, time.time_ns
time.time = lambda: _time() + 3600
time.time_ns = lambda: _time_ns() + 3600 * 10**9
"""


def _running(platform: Platform, client: Client, kind: str, number: int) -> tuple[str, tuple[str, str]]:
    """A job that an engine works on until `platform.heal()`, and where."""
    platform.hold()
    job = client.submit(body(kind, number))
    where = until(lambda: platform.worker_of(job), what="the job runs")
    until(lambda: platform.twin(where[0]).aboard(), what="the job is aboard the engine")
    return job, where


@pytest.mark.row(1)
def test_a_job_whose_worker_was_killed_runs_once_more(platform: Platform) -> None:
    client = platform.client()
    job, (group, kind) = _running(platform, client, "gui", 1)
    assert platform.signal(group, kind, signal.SIGKILL)
    platform.heal()
    ended = client.wait(job)
    assert ended["status"] == "succeeded"
    assert [a["outcome"] for a in platform.attempts(job)] == ["crash", "succeeded"]
    assert platform.job(job)["tries"] == 0, "a killed worker spends no try"
    until(lambda: platform.signal(group, kind, signal.SIGCONT), what="the worker came back")


@pytest.mark.row(2)
def test_a_worker_frozen_past_its_lease_is_fenced_off(platform: Platform) -> None:
    client = platform.client()
    job, (group, kind) = _running(platform, client, "chat", 2)
    fence = platform.job(job)["fence"]
    platform.signal(group, kind, signal.SIGSTOP)
    try:
        until(lambda: platform.job(job)["fence"] > fence, what="somebody else took the job")
    finally:
        platform.signal(group, kind, signal.SIGCONT)
    platform.heal()
    assert client.wait(job)["status"] == "succeeded"
    assert [a["outcome"] for a in platform.attempts(job)] == ["crash", "succeeded"]


@pytest.mark.row(2)
def test_a_thawed_worker_may_claim_its_own_job_again(platform: Platform) -> None:
    """One of its threads still works on the old claim; the new one's lease must be renewed all the same."""
    client = platform.client()
    job, (group, kind) = _running(platform, client, "gui", 3)
    (other,) = set(platform.group_names) - {group}
    platform.signal(other, kind, signal.SIGSTOP)
    platform.signal(group, kind, signal.SIGSTOP)
    try:
        until(lambda: platform.job(job)["status"] == "queued", what="the lease lapsed")
        platform.signal(group, kind, signal.SIGCONT)
        until(lambda: platform.job(job)["run"] == 2, what="it has the job again")
        platform.twin(group).faults(delay_s=4.0)  # longer than a lease
        assert client.wait(job)["status"] == "succeeded"
    finally:
        platform.signal(other, kind, signal.SIGCONT)
    attempts = platform.attempts(job)
    assert [a["outcome"] for a in attempts] == ["crash", "succeeded"]
    assert attempts[0]["worker"] == attempts[1]["worker"]


@pytest.mark.row(1)
def test_workers_killed_again_and_again_lose_nothing(platform: Platform) -> None:
    for name in platform.group_names:
        platform.twin(name).faults(delay_s=0.3)
    clients = [platform.client(tenant) for tenant in TENANTS]

    def make(chance, number):  # type: ignore[no-untyped-def]
        return body(chance.choice(KINDS), 1_000_000 + number)

    with Crowd(clients, make=make, seed=1, pause_s=0.1, cancels=0.1) as crowd:
        for victim in (("gpu0", "gui"), ("gpu1", "ocr"), ("gpu0", "chat"), ("gpu1", "gui")):
            until(lambda: platform.running() >= 2, what="jobs run")
            until(lambda v=victim: platform.signal(*v, signal.SIGKILL), what="a worker to kill")  # type: ignore[misc]
            seen = len(crowd.jobs)
            until(lambda seen=seen: len(crowd.jobs) >= seen + 5, what="clients go on")  # type: ignore[misc]
    assert not crowd.errors


@pytest.mark.row(11)
def test_the_clock_of_a_host_is_an_hour_off(platform: Platform, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(CLOCK_OFF_BY_AN_HOUR)
    client = platform.client()
    with platform.only_group("gpu9", env={"PYTHONPATH": f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}"}):
        jobs = [client.submit(body(kind, 30, deadline_ms=60_000)) for kind in KINDS]
        assert [client.wait(job)["status"] for job in jobs] == ["succeeded"] * 3
        platform.twin("gpu9").hold()
        job = client.submit(body("ocr", 31, deadline_ms=120_000))
        until(lambda: platform.worker_of(job), what="the job runs")
        platform.signal("gpu9", "ocr", signal.SIGKILL)
        platform.twin("gpu9").heal()
        assert client.wait(job)["status"] == "succeeded"
        assert [a["outcome"] for a in platform.attempts(job)] == ["crash", "succeeded"]
    assert {a["group"].partition("@")[0] for job in jobs for a in platform.attempts(job)} == {"gpu9"}


@pytest.mark.row(19)
def test_a_deploy_under_load_loses_and_fails_nothing(platform: Platform) -> None:
    for name in platform.group_names:
        platform.twin(name).faults(delay_s=0.5)
    clients = [platform.client(tenant) for tenant in TENANTS]

    def make(chance, number):  # type: ignore[no-untyped-def]
        return body(chance.choice(KINDS), 2_000_000 + number)

    with Crowd(clients, make=make, seed=2, pause_s=0.1, cancels=0.0) as crowd:
        for name in platform.group_names:
            until(lambda: platform.running() >= 2, what="jobs run")
            platform.children[name].stop(120.0, signal.SIGTERM)
            assert platform.children[name].exit_code == 0
            assert platform.groups()[name]["state"] == "stopped"
            platform.start_group(name)
            until(
                lambda name=name: platform.intakes()[name] == "open",  # type: ignore[misc]
                what=f"{name} is back",
            )
        platform.children["web"].stop(120.0, signal.SIGTERM)
        platform.start_web()
        until(platform.web_answers, what="the web server is back")
        platform.children["sweeper"].stop(120.0, signal.SIGTERM)
        platform.start_sweeper()
    assert not crowd.errors
    assert {client.wait(job)["status"] for job, client in crowd.jobs.items()} == {"succeeded"}
    outcomes = {a["outcome"] for job in crowd.jobs for a in platform.attempts(job)}
    assert outcomes <= {"succeeded", "released"}

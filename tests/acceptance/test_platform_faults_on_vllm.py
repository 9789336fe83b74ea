"""Rows 3 and 10 of the fault matrix on real vLLM: its engine core is killed and frozen, and a job is cancelled."""

import json
import os
import signal
from collections.abc import Iterator
from typing import Any

import httpx
import psutil
import pytest
from support.client import Client
from support.invariants import check
from support.platform import Platform
from support.waiting import until

pytestmark = [pytest.mark.vllm, pytest.mark.timeout(900)]

START_S = 400.0


@pytest.fixture(scope="module")
def platform() -> Iterator[Platform]:
    """The platform with one group on vLLM's CPU build."""
    running = Platform(
        groups=1,
        engine="vllm",
        lease_s=5.0,
        env={
            "SIGHTLINE_MODELS": json.dumps({"default": {"cpu_threads": 1, "max_model_len": 8192}}),
            "SIGHTLINE_CANARY_TIMEOUT_S": "5",
        },
    )
    try:
        running.start(within_s=START_S)
        yield running
        running.wait_ready(within_s=START_S)
        check(running)
    finally:
        running.stop()


def _long_job() -> dict[str, Any]:
    """A chat whose answer must have thousands of tokens, and does not repeat itself."""
    word = {"type": "string", "minLength": 8, "maxLength": 8}
    schema = {"type": "array", "items": word, "minItems": 500, "maxItems": 500}
    return {
        "kind": "chat",
        "input": {"prompt": "Write."},
        "params": {
            "max_tokens": 7000,
            "temperature": 2.0,
            "top_p": 1.0,
            "top_k": -1,
            "response_format": {"type": "json_schema", "json_schema": {"name": "words", "schema": schema}},
        },
    }


def _aboard(platform: Platform) -> float:
    page = httpx.get(f"{platform.groups()['gpu0']['engine_url']}/metrics", timeout=30).text
    lines = [line for line in page.splitlines() if line.startswith("vllm:num_requests_running")]
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines)


def _running(platform: Platform, client: Client) -> str:
    job = client.submit(_long_job())
    until(lambda: platform.worker_of(job), what="the job runs")
    until(lambda: _aboard(platform) >= 1, what="the job is aboard vLLM")
    return job


def _core(platform: Platform) -> psutil.Process:
    server = psutil.Process(platform.pid("gpu0", "engine"))
    return next(
        child for child in server.children(recursive=True) if "EngineCore" in " ".join(child.cmdline())
    )


@pytest.mark.row(10)
def test_cancelling_reaches_vllm_and_frees_the_seat(platform: Platform) -> None:
    client = platform.client()
    job = _running(platform, client)
    assert client.cancel(job) == 202
    until(lambda: _aboard(platform) == 0, what="vLLM dropped the request")
    assert client.wait(job)["status"] == "cancelled"


@pytest.mark.row(3)
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "frozen"])
def test_a_job_aboard_a_lost_engine_core_runs_again(platform: Platform, number: signal.Signals) -> None:
    client = platform.client()
    restarts = platform.groups()["gpu0"]["restarts"]
    job = _running(platform, client)
    os.kill(_core(platform).pid, number)
    until(
        lambda: platform.groups()["gpu0"]["restarts"] == restarts + 1,
        what="the loss was noticed",
        within_s=START_S,
    )
    until(lambda: platform.job(job)["run"] == 2, what="the job runs again", within_s=START_S)
    assert client.wait(job, within_s=START_S)["status"] in ("succeeded", "incomplete")
    assert platform.attempts(job)[0]["outcome"] == "crash"
    assert platform.job(job)["tries"] == 0

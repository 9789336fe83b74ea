"""Rows 3, 4 and 10 of the fault matrix on real vLLM: its core is killed or frozen, a job kills it, one is cancelled."""

import json
import os
import signal
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import psutil
import pytest
from support.bodies import body, data_uri, picture
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
        check(running, guilty=running.guilty)
    finally:
        running.stop()


def _long_job(*, words: int = 500, **more: Any) -> dict[str, Any]:
    """A chat whose answer has some ten tokens a word, and does not repeat itself; `more` goes into its input."""
    word = {"type": "string", "minLength": 8, "maxLength": 8}
    schema = {"type": "array", "items": word, "minItems": words, "maxItems": words}
    return {
        "kind": "chat",
        "input": {"prompt": "Write.", **more},
        "params": {
            "max_tokens": 14 * words,
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


def _running(platform: Platform, client: Client, *, words: int = 500) -> str:
    job = client.submit(_long_job(words=words))
    until(lambda: platform.worker_of(job), what="the job runs")
    until(lambda: _aboard(platform) >= 1, what="the job is aboard vLLM")
    return job


def _core(platform: Platform) -> psutil.Process:
    server = psutil.Process(platform.pid("gpu0", "engine"))
    return next(
        child for child in server.children(recursive=True) if "EngineCore" in " ".join(child.cmdline())
    )


class _Poison(threading.Thread):
    """Kills vLLM's core whenever a job is aboard it, as an input that crashes the model's code does."""

    def __init__(self, platform: Platform, job: str) -> None:
        super().__init__(daemon=True)
        self.kills = 0
        self._platform = platform
        self._job = job
        self._over = threading.Event()

    def run(self) -> None:
        killed, seen = 0, 0
        while not self._over.wait(0.02):
            run = self._platform.job(self._job)["run"]
            aboard = run > killed and self._platform.worker_of(self._job) and self._runs_in_engine()
            seen = seen + 1 if aboard else 0
            if seen == 10:  # looks in a row: one alone may have seen a canary
                _core(self._platform).kill()
                killed, self.kills = run, self.kills + 1

    def _runs_in_engine(self) -> bool:
        """With the job claimed: it is alone during probation, and before that its seat is one of those counted."""
        try:
            others = self._platform.running() - 1
            return _aboard(self._platform) > others
        except (httpx.HTTPError, IndexError):
            return False  # the engine is on its way down or up

    def stop(self) -> None:
        self._over.set()
        self.join()


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


@pytest.mark.row(4)
@pytest.mark.timeout(1800)  # three starts of vLLM
def test_a_job_that_kills_vllm_is_quarantined_and_the_innocent_succeed(platform: Platform) -> None:
    client = platform.client()
    restarts = platform.groups()["gpu0"]["restarts"]
    image = {"data": data_uri(picture(0xBAD))}
    innocent = [_running(platform, client, words=300)]
    guilty = client.submit(_long_job(words=450, images=[image]))
    platform.guilty.add(guilty)
    poison = _Poison(platform, guilty)
    poison.start()
    try:
        innocent += [client.submit(body(kind, number)) for number, kind in enumerate(("gui", "ocr", "chat"))]
        assert client.wait(guilty, within_s=2 * START_S)["status"] == "quarantined"
    finally:
        poison.stop()
    ends = {client.wait(job, within_s=START_S)["status"] for job in innocent}
    assert ends <= {"succeeded", "incomplete"}, "the innocent were run alone, or later"
    assert {platform.job(job)["tries"] for job in innocent} == {0}
    assert platform.job(innocent[0])["crashes"] == 1, (
        "it was aboard once, and never again with the guilty one"
    )
    assert poison.kills <= 3
    until(
        lambda: platform.groups()["gpu0"]["restarts"] - restarts == poison.kills,
        what="the last death is counted as well",
        within_s=60,
    )
    refused = client.post({"kind": "ocr", "input": {"images": [image], "mode": "text"}}, "poison-again")
    assert refused is not None
    assert (refused.status_code, refused.json()["code"]) == (422, "poisoned_input")

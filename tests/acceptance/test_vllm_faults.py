"""How a real vLLM that dies looks to the client. It has a vLLM of its own, because it kills it."""

from __future__ import annotations

import os
import signal
import threading
from typing import TYPE_CHECKING

import psutil
import pytest

from sightline_workers.engines.contract import Abort, EngineError, EngineRequest, Failure
from sightline_workers.engines.openai_http import OpenAIEngine

if TYPE_CHECKING:
    from conftest import RunningVllm

pytestmark = [pytest.mark.vllm, pytest.mark.timeout(900)]


@pytest.mark.row(3)
def test_a_call_aboard_a_dying_engine_core_is_a_crash(own_vllm: RunningVllm) -> None:
    engine = OpenAIEngine(own_vllm.url, max_concurrency=2)
    started = threading.Event()
    request = EngineRequest(
        model="default",
        messages=[{"role": "user", "content": "Say something."}],
        sampling={"max_tokens": 7000, "ignore_eos": True},
        timeout_s=240,
        request_id="aboard",
    )
    failures: list[EngineError] = []

    def call() -> None:
        try:
            engine.stream(request, on_delta=lambda _: started.set(), abort=Abort())
        except EngineError as error:
            failures.append(error)

    thread = threading.Thread(target=call)
    thread.start()
    assert started.wait(240)
    children = psutil.Process(own_vllm.pid).children(recursive=True)
    core = next(child for child in children if "EngineCore" in " ".join(child.cmdline()))
    os.kill(core.pid, signal.SIGKILL)
    thread.join(120)
    assert [(failure.failure, failure.code) for failure in failures] == [(Failure.CRASH, "engine_crashed")]

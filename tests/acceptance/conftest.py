"""One real vLLM for the whole test session: starting it takes half a minute and 3 GB of memory."""

import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from sightline_workers.engines.contract import EngineError
from sightline_workers.engines.vllm_server import launch_plan, parse_models, wait_ready

_SEATS = 21  # the CPU group's 4 + 8 + 8, and the canary's


@dataclass(frozen=True, kw_only=True)
class RunningVllm:
    """A vLLM server that this session started."""

    url: str
    # Process and process group of its API server.
    pid: int


@pytest.fixture(scope="session")
def vllm_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Base URL of vLLM with the shipped checkpoint, on the CPU with one thread; one for all tests."""
    with _running(tmp_path_factory.mktemp("vllm") / "vllm.log") as vllm:
        yield vllm.url


@pytest.fixture
def own_vllm(tmp_path: Path) -> Iterator[RunningVllm]:
    """Another one, for a test that breaks it."""
    with _running(tmp_path / "vllm.log") as vllm:
        yield vllm


@contextmanager
def _running(log_path: Path) -> Iterator[RunningVllm]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    spec = parse_models({"default": {"cpu_threads": 1, "max_model_len": 8192}})["default"]
    plan = launch_plan(spec, gpus=(), port=port, seats=_SEATS)
    with log_path.open("wb") as log:
        process = subprocess.Popen(
            plan.argv,
            env={**os.environ, **plan.env},
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # its own process group: the engine core is a child of the server
        )
        try:
            wait_ready(
                plan.base_url,
                alive=lambda: process.poll() is None,
                on_progress=lambda _: None,
                timeout_s=400,
            )
            yield RunningVllm(url=plan.base_url, pid=process.pid)
        except EngineError as error:
            error.add_note(_tail(log_path))
            raise
        finally:
            _end(process)


def _end(process: "subprocess.Popen[bytes]") -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    finally:
        process.wait()


def _tail(log_path: Path) -> str:
    return "\n".join(log_path.read_text(errors="replace").splitlines()[-40:])

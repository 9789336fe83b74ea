"""One real vLLM for the whole test session: starting it takes half a minute and 3 GB of memory."""

import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from sightline_workers.engines.vllm_server import launch_plan, parse_models, wait_ready

_SEATS = 21  # the CPU group's 4 + 8 + 8, and the canary's


@pytest.fixture(scope="session")
def vllm_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Base URL of vLLM with the shipped checkpoint, on the CPU with one thread."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    spec = parse_models({"default": {"cpu_threads": 1, "max_model_len": 8192}})["default"]
    plan = launch_plan(spec, gpus=(), port=port, seats=_SEATS)
    log_path = tmp_path_factory.mktemp("vllm") / "vllm.log"
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
                timeout_s=240,
            )
        except Exception as error:
            error.add_note(_tail(log_path))
            _end(process)
            raise
        yield plan.base_url
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

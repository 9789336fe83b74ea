"""How vLLM's API server is started for a model, and when it is ready.

Every flag was looked up in vLLM 0.32 (`--help=all`); what it is for stands beside it. Starting, watching
and ending the process is the group's business.
"""

import http.client
import importlib.metadata
import json
import os
import sys
import time
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from . import classify
from .contract import EngineError, Failure
from .model_spec import ModelSpec, ModelSpecError, half_the_cores, parse_models

__all__ = ["LaunchPlan", "ModelSpec", "ModelSpecError", "launch_plan", "parse_models", "wait_ready"]

_SHIM = str(Path(__file__).parent / "cpu_shim")
# 33.5 megapixels: a 4K screenshot four times over; a bomb is refused before it is decoded.
_MAX_IMAGE_PIXELS = 33_554_432
_FIRST_LOOK_S = 0.1
_LONGEST_PAUSE_S = 1.0


@dataclass(frozen=True, kw_only=True)
class LaunchPlan:
    """What starts one vLLM server."""

    argv: tuple[str, ...]
    # Variables to set beside the parent's.
    env: dict[str, str] = field(repr=False)
    # Where it will listen.
    base_url: str
    # Name that requests give in `model`.
    served_model_name: str


def launch_plan(spec: ModelSpec, *, gpus: Sequence[str], port: int, seats: int) -> LaunchPlan:
    """The plan for `spec` on `gpus` (UUIDs; empty: on the CPU) with `seats` sequences, the canary's included.

    Raises `ModelSpecError` when the number of GPUs is not the spec's tensor-parallel size.
    """
    if gpus and len(gpus) != spec.tensor_parallel_size:
        raise ModelSpecError(
            f"Model {spec.tag!r} runs on {spec.tensor_parallel_size} GPU(s) (tensor_parallel_size), "
            f"but the group has {len(gpus)}."
        )
    if not gpus and spec.tensor_parallel_size > 1:
        raise ModelSpecError(
            f"Model {spec.tag!r} needs {spec.tensor_parallel_size} GPUs, and there is none here."
        )
    # `vllm serve` is the same server, but with the CPU build it dies looking for a package named vllm.
    argv = [sys.executable, "-m", "vllm.entrypoints.openai.api_server", *_flags(spec, port, seats)]
    argv += _gpu_flags(spec) if gpus else _cpu_flags()
    return LaunchPlan(
        argv=(*argv, *spec.extra),
        env=_environment(spec) | (_gpu_environment(gpus) if gpus else _cpu_environment(spec)),
        base_url=f"http://127.0.0.1:{port}",
        served_model_name=spec.tag,
    )


def _flags(spec: ModelSpec, port: int, seats: int) -> list[str]:
    checkpoint = str(Path(spec.checkpoint).expanduser()) if spec.is_local else spec.checkpoint
    flags = [
        *("--model", checkpoint),
        *("--served-model-name", spec.tag),
        *("--host", "127.0.0.1"),
        *("--port", str(port)),
        *("--dtype", spec.dtype),
        *("--kv-cache-dtype", spec.kv_cache_dtype),
        # Requests of a lower number leave the waiting queue first.
        *("--scheduling-policy", "priority"),
        # Seats never run out, so that a gui request never waits behind running ocr (vllm issue 40004).
        *("--max-num-seqs", str(seats)),
        # A clean 503 instead of a queue without end, should somebody else call this server too.
        *("--max-num-queued-reqs", str(2 * seats)),
        # Seconds that requests aboard may go on after SIGTERM.
        *("--shutdown-timeout", "30"),
        "--enable-chunked-prefill" if spec.chunked_prefill else "--no-enable-chunked-prefill",
        "--enable-prefix-caching" if spec.prefix_caching else "--no-enable-prefix-caching",
        *("--limit-mm-per-prompt", json.dumps(dict(spec.limit_mm_per_prompt))),
        # Processed images are kept by hash, so that a repeated one, or its uuid alone, costs nothing.
        *("--mm-processor-cache-gb", "4"),
        # Media come as data URIs or uuids only: no domain is allowed, and no local path.
        *("--allowed-media-domains", "none.invalid"),
        # A job may set its pixel budget; only our workers reach this port.
        "--trust-request-mm-kwargs",
        # What a request does not say is vLLM's neutral default, not the checkpoint's taste.
        *("--generation-config", "vllm"),
        # Under a JSON grammar a weak model may write blanks until max_tokens; JSON needs none. The back end
        # "auto" does not take this option, and guidance panics on the shipped checkpoint's tokenizer, which
        # leaves an engine that hangs. xgrammar answers 400 to the few schemas that it does not know.
        *("--structured-outputs-config", '{"backend": "xgrammar", "disable_any_whitespace": true}'),
        # Tells how many prompt tokens are images.
        "--enable-prompt-tokens-details",
        "--disable-uvicorn-access-log",
    ]
    if spec.max_model_len is not None:
        flags += ["--max-model-len", str(spec.max_model_len)]
    if spec.max_num_batched_tokens is not None:
        flags += ["--max-num-batched-tokens", str(spec.max_num_batched_tokens)]
    if spec.quantization == "fp8":
        # awq and gptq stand in the checkpoint; naming them here would switch their fast kernels off.
        flags += ["--quantization", "fp8"]
    if spec.tool_call_parser is not None:
        flags += ["--enable-auto-tool-choice", "--tool-call-parser", spec.tool_call_parser]
    return flags


def _gpu_flags(spec: ModelSpec) -> list[str]:
    flags = ["--gpu-memory-utilization", str(spec.gpu_memory_utilization)]
    if spec.tensor_parallel_size > 1:
        # The vision encoder is small: each GPU takes whole images, and one copy of them serves all.
        flags += ["--tensor-parallel-size", str(spec.tensor_parallel_size)]
        flags += ["--mm-encoder-tp-mode", "data", "--mm-processor-cache-type", "shm"]
    return flags


def _cpu_flags() -> list[str]:
    return [
        # Compiling takes minutes there and gains nothing for a model of a size that a CPU serves.
        "--enforce-eager",
        # The model in the engine's own process, as vLLM does it on one GPU. By default the CPU build gives it a
        # process of its own, and each of the two spins on a core while it waits for the other: on two cores that
        # took four tenths of the throughput, and everything beside vLLM starved. vLLM prefers two for the sake of
        # its thread binding, which we leave off.
        *("--distributed-executor-backend", "vllm.v1.executor.uniproc_executor.UniProcExecutor"),
    ]


def _environment(spec: ModelSpec) -> dict[str, str]:
    env = {
        "VLLM_NO_USAGE_STATS": "1",
        "DO_NOT_TRACK": "1",
        "VLLM_MEDIA_URL_ALLOW_REDIRECTS": "0",
        "VLLM_MAX_IMAGE_PIXELS": str(_MAX_IMAGE_PIXELS),
    }
    if spec.is_local:
        env["HF_HUB_OFFLINE"] = "1"
    return env


def _gpu_environment(gpus: Sequence[str]) -> dict[str, str]:
    return {"CUDA_VISIBLE_DEVICES": ",".join(gpus)}


def _cpu_environment(spec: ModelSpec) -> dict[str, str]:
    threads = str(spec.cpu_threads or half_the_cores())
    env = {
        "CUDA_VISIBLE_DEVICES": "",
        "VLLM_CPU_KVCACHE_SPACE": str(spec.cpu_kv_cache_gib),
        # vLLM would pin its threads to cores that it believes to own alone.
        "VLLM_CPU_OMP_THREADS_BIND": "nobind",
        "OMP_NUM_THREADS": threads,
        "MKL_NUM_THREADS": threads,
    }
    if importlib.metadata.version("torch").endswith("+cpu"):
        parent = os.environ.get("PYTHONPATH")
        env["PYTHONPATH"] = os.pathsep.join([_SHIM, parent] if parent else [_SHIM])
    return env


def wait_ready(
    base_url: str,
    *,
    alive: Callable[[], bool],
    on_progress: Callable[[float], None],
    timeout_s: float,
) -> float:
    """Wait until the server answers /health; seconds it took.

    `alive` says whether its process still runs, `on_progress` hears the seconds waited so far. Raises
    `EngineError`: `engine_crashed` when the process ended, `engine_timeout` when the time is up.
    """
    started = time.monotonic()
    pause = _FIRST_LOOK_S
    while True:
        waited = time.monotonic() - started
        if not alive():
            raise EngineError(
                f"vLLM ended {waited:.0f} s after its start; its log says why.",
                code="engine_crashed",
                failure=Failure.CRASH,
            )
        if _healthy(base_url):
            return time.monotonic() - started
        if waited >= timeout_s:
            raise classify.timed_out(timeout_s)
        on_progress(waited)
        time.sleep(min(pause, max(0.0, timeout_s - waited)))
        pause = min(pause * 1.5, _LONGEST_PAUSE_S)


def _healthy(base_url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{base_url}/health", timeout=2) as response:  # noqa: S310 (our own)
            return bool(response.status == 200)
    except (OSError, http.client.HTTPException):
        return False  # not listening yet

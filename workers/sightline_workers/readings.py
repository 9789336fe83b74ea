"""Measuring a group: its engine's own metrics, its GPUs through NVML."""

import contextlib
import time
from collections.abc import Sequence
from dataclasses import replace

import pynvml

from sightline.fleet.readings import Readings
from sightline_workers.engines import vllm_metrics
from sightline_workers.engines.contract import EngineError
from sightline_workers.engines.openai_http import OpenAIEngine


def take(*, client: OpenAIEngine, gpus: Sequence[str], tokens_in_flight: int) -> Readings:
    """One look at an engine that lives. Raises EngineError when it does not answer."""
    page = client.metrics()
    load, used, total = _gpus(gpus)
    return Readings(
        running=_whole(page, "vllm:num_requests_running"),
        waiting=_whole(page, "vllm:num_requests_waiting"),
        kv_usage=_number(page, "vllm:kv_cache_usage_perc"),
        preemptions=_whole(page, "vllm:num_preemptions_total"),
        generated_tokens=_whole(page, "vllm:generation_tokens_total"),
        prefix_cache_queries=_whole(page, "vllm:prefix_cache_queries_total"),
        prefix_cache_hits=_whole(page, "vllm:prefix_cache_hits_total"),
        image_cache_queries=_whole(page, "vllm:mm_cache_queries_total"),
        image_cache_hits=_whole(page, "vllm:mm_cache_hits_total"),
        tokens_in_flight=tokens_in_flight,
        gpu_load=load,
        gpu_memory_bytes=used,
        gpu_memory_total_bytes=total,
    )


class Pace:
    """How fast an engine generates, from one look to the next."""

    def __init__(self) -> None:
        self._before: tuple[float, int] | None = None

    def of(self, taken: Readings) -> Readings:
        """The same look with its `tokens_per_s`; None at first, and where the engine began to count anew."""
        count, now = taken.generated_tokens, time.monotonic()
        before, self._before = self._before, None if count is None else (now, count)
        if count is None or before is None or count < before[1] or now <= before[0]:
            return taken
        return replace(taken, tokens_per_s=round((count - before[1]) / (now - before[0]), 1))


def _number(page: bytes, name: str) -> float | None:
    """A metric of the engine; None where this engine has none of that name."""
    with contextlib.suppress(EngineError):
        return vllm_metrics.total(page, name)
    return None


def _whole(page: bytes, name: str) -> int | None:
    value = _number(page, name)
    return None if value is None else int(value)


def _gpus(uuids: Sequence[str]) -> tuple[float | None, int | None, int | None]:
    """Mean load (0 to 1), memory used and in all (bytes) of these GPUs; nothing without any."""
    if not uuids:
        return None, None, None
    pynvml.nvmlInit()
    try:
        handles = [pynvml.nvmlDeviceGetHandleByUUID(uuid) for uuid in uuids]
        loads = [pynvml.nvmlDeviceGetUtilizationRates(handle).gpu / 100 for handle in handles]
        memory = [pynvml.nvmlDeviceGetMemoryInfo(handle) for handle in handles]
    finally:
        pynvml.nvmlShutdown()
    return sum(loads) / len(loads), sum(m.used for m in memory), sum(m.total for m in memory)

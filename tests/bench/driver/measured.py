"""One window of load on one system: what its users saw, what it cost, and how busy it kept the engine."""

import os
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from . import cpu_time, load
from .report import Cell, ratio
from .systems import System
from .twin import Twin


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What was seen between the opening and the closing of a window."""

    samples: load.Samples
    cpu_ms: dict[str, float]
    """CPU time of what runs between users and engine, by process, in the whole window."""
    ends_cpu_ms: dict[str, float]
    """The same of the engine and of the users, who share the cores."""
    engine_busy_s: float
    """Seconds of the window in which the engine worked on anything; NaN where the engine does not tell."""

    @classmethod
    def together(cls, parts: "Sequence[Measured]") -> "Measured":
        """Several windows as one."""
        return cls(
            samples=load.together([part.samples for part in parts]),
            cpu_ms=_sum(part.cpu_ms for part in parts),
            ends_cpu_ms=_sum(part.ends_cpu_ms for part in parts),
            engine_busy_s=sum(part.engine_busy_s for part in parts),
        )

    @property
    def jobs(self) -> int:
        """That ended well; at least one, to divide by."""
        return max(1, len(self.samples.latencies_ms))

    @property
    def cpu_ms_a_job(self) -> float:
        """Of what runs between users and engine."""
        return sum(self.cpu_ms.values()) / self.jobs

    @property
    def gpu_ms_a_job(self) -> float:
        """Time of the engine that an answer took."""
        return 1000 * self.engine_busy_s / self.jobs

    def figures(self) -> dict[str, Any]:
        return {
            **self.samples.figures(),
            "cpu_ms_a_job": {name: round(ms / self.jobs, 2) for name, ms in self.cpu_ms.items()},
            "ends_cpu_ms_a_job": {name: round(ms / self.jobs, 2) for name, ms in self.ends_cpu_ms.items()},
            "gpu_ms_a_job": round(self.gpu_ms_a_job, 1),
            "engine_busy_share": round(self.engine_busy_s / self.samples.seconds, 3),
        }


COLUMNS = ("jobs/s", "p50 s", "p95 s", "p99 s", "failures", "GPU-ms a job", "CPU-ms a job")
"""Of `row`."""


def row(found: Measured) -> list[Cell]:
    samples = found.samples
    quantiles = [samples.quantile_ms(q) / 1000 for q in (0.5, 0.95, 0.99)]
    return [samples.per_s, *quantiles, samples.failures, found.gpu_ms_a_job, found.cpu_ms_a_job]


def less(found: Measured, base: Measured, q: float = 0.99) -> str:
    """How much lower a quantile is, as a signed percentage."""
    return f"{found.samples.quantile_ms(q) / base.samples.quantile_ms(q) - 1:+.0%}"


def times(found: Measured, base: Measured) -> str:
    return ratio(found.samples.per_s, base.samples.per_s)


async def measure(
    system: System,
    count: int,
    *,
    engine: Sequence[int],
    twin: Twin | None = None,
    seconds: float,
    warm_up_s: float,
    drain: bool = False,
) -> Measured:
    """Let so many users use a system in front of an engine of these processes, which may be a twin."""
    moments: list[float] = []
    own: list[cpu_time.CpuReading] = []
    ends: list[cpu_time.CpuReading] = []
    processes = system.processes()

    def edge() -> None:
        moments.append(time.monotonic())
        own.append(cpu_time.read(processes))
        ends.append(cpu_time.read({"engine": list(engine), "users": [os.getpid()]}))

    before = twin.last_number() if twin else 0
    samples = await load.closed_loop(
        system.users(count), seconds=seconds, warm_up_s=warm_up_s, on_window=edge, drain=drain
    )
    busy = busy_s(twin.requests(before), *moments) if twin else float("nan")
    return Measured(
        samples=samples,
        cpu_ms=own[1].since(own[0]),
        ends_cpu_ms=ends[1].since(ends[0]),
        engine_busy_s=busy,
    )


def _sum(parts: Iterable[dict[str, float]]) -> dict[str, float]:
    total: Counter[str] = Counter()
    for part in parts:
        total.update(part)
    return dict(total)


def busy_s(requests: Sequence[dict[str, Any]], opens: float, closes: float) -> float:
    """Seconds between two moments in which at least one of these requests of a twin ran."""
    spans = sorted(
        (max(opens, entry["scheduled"]["monotonic"]),
         min(closes, entry["finished"]["monotonic"] if entry["finished"] else closes))
        for entry in requests
        if entry["scheduled"]
    )  # fmt: skip
    total, reached = 0.0, opens
    for begins, ends in spans:
        total += max(0.0, ends - max(begins, reached))
        reached = max(reached, ends)
    return total

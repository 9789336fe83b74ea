"""CPU time by process, from /proc."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

_TICK_MS = 1000.0 / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, kw_only=True)
class CpuReading:
    """Milliseconds of CPU, user and system, that each process had used at a moment."""

    by_name: Mapping[str, float]

    def since(self, earlier: "CpuReading") -> dict[str, float]:
        """What was used between two readings."""
        return {name: ms - earlier.by_name.get(name, 0.0) for name, ms in self.by_name.items()}


def read(processes: Mapping[str, list[int]]) -> CpuReading:
    """Read the processes of each name, with what their ended children had used; one that is gone counts nothing."""
    return CpuReading(by_name={name: sum(_used_ms(pid) for pid in pids) for name, pids in processes.items()})


def _used_ms(pid: int) -> float:
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except FileNotFoundError:
        return 0.0
    fields = stat[stat.rindex(b")") + 2 :].split()
    # User and system time, of the process and of the children that it waited for: RQ forks one a job.
    return sum(int(field) for field in fields[11:15]) * _TICK_MS


def family(pid: int) -> list[psutil.Process]:
    """A process and all that come from it."""
    process = psutil.Process(pid)
    return [process, *process.children(recursive=True)]

"""What a benchmark ran on."""

import os
import platform
import statistics
import time
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Machine:
    """Facts that figures depend on."""

    cores: int
    memory_gib: int
    python: str
    load: float
    """Load average of the minute before: above 0, others had a share of the cores."""
    fsync_ms: float
    """Median of what the disk takes to keep a page; a job is accepted, claimed and finished with one each."""

    @classmethod
    def look(cls, folder: Path) -> "Machine":
        """This machine, with the disk that `folder` lies on."""
        return cls(
            cores=os.cpu_count() or 1,
            memory_gib=round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30),
            python=platform.python_version(),
            load=round(os.getloadavg()[0], 1),
            fsync_ms=round(_fsync_ms(folder), 2),
        )

    def sentence(self) -> str:
        return (
            f"{self.cores} cores, {self.memory_gib} GiB, Python {self.python}, fsync {self.fsync_ms:.1f} ms; the load"
            f" average was {self.load:.1f} before. All of a section was measured in one run on one machine, which the"
            " load generator shares: read the ratios, not the seconds."
        )


def _fsync_ms(folder: Path) -> float:
    spent = []
    path = folder / "fsync"
    with path.open("wb") as file:
        for _ in range(41):
            began = time.perf_counter()
            file.write(bytes(4096))
            file.flush()
            os.fsync(file.fileno())
            spent.append((time.perf_counter() - began) * 1000)
    path.unlink()
    return statistics.median(spent)

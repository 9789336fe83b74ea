"""Where the time went, as a bar whose parts add up."""

from collections.abc import Mapping
from dataclasses import dataclass

WIDTH = 1000.0
"""Units of the drawing's width."""

NAMES = {
    "queue": "Queue",
    "prepare": "Prepare",
    "ttft": "Prefill (to the first token)",
    "decode": "Decode",
    "parse": "Parse and further calls",
}
"""Keys of a job's timings in words; `parse` is what they leave over."""


@dataclass(frozen=True, kw_only=True)
class Phase:
    """One part of the bar."""

    key: str
    name: str
    ms: float
    x: float
    """Where it starts, 0..WIDTH."""
    width: float


@dataclass(frozen=True, kw_only=True)
class Waterfall:
    """The phases in order and their sum."""

    phases: list[Phase]
    total_ms: float


def waterfall(timings: Mapping[str, float] | None) -> Waterfall | None:
    """From a job's timings, milliseconds by phase; None when the job has none.

    `total` runs from the claim to the end of the attempt. What neither preparing nor the engine's first token nor
    decoding explains is parsing, and on jobs of several calls the later calls' prefill.
    """
    if not timings:
        return None
    known = {
        name: max(0.0, float(timings.get(name) or 0.0)) for name in ("queue", "prepare", "ttft", "decode")
    }
    worked = known["prepare"] + known["ttft"] + known["decode"]
    known["parse"] = max(0.0, float(timings.get("total") or 0.0) - worked)
    total = sum(known.values())
    if total <= 0:
        return None
    phases, x = [], 0.0
    for key, ms in known.items():
        width = ms / total * WIDTH
        phases.append(Phase(key=key, name=NAMES[key], ms=ms, x=round(x, 2), width=round(width, 2)))
        x += width
    return Waterfall(phases=phases, total_ms=total)

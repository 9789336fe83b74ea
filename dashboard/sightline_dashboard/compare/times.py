"""Two waterfalls on one scale."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from sightline_dashboard.jobpage.phases import Phase, waterfall


@dataclass(frozen=True, kw_only=True)
class Bar:
    """One job's phases; the longer job fills the drawing."""

    letter: str
    phases: list[Phase]
    total_ms: float


def bars(first: Mapping[str, float] | None, second: Mapping[str, float] | None) -> list[Bar]:
    """Of the jobs that have timings."""
    drawn = [
        (letter, found) for letter, found in (("A", waterfall(first)), ("B", waterfall(second))) if found
    ]
    longest = max((found.total_ms for _, found in drawn), default=1.0)
    return [
        Bar(
            letter=letter,
            phases=[
                replace(
                    phase,
                    x=round(phase.x * found.total_ms / longest, 2),
                    width=round(phase.width * found.total_ms / longest, 2),
                )
                for phase in found.phases
            ],
            total_ms=found.total_ms,
        )
        for letter, found in drawn
    ]

"""How the jobs of the last hour fared, from a bounded sample: the most recent ones."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sightline.jobs.models import Job
from sightline.jobs.status import Status

WINDOW = timedelta(hours=1)
SAMPLE = 5_000
_FAILURES = frozenset({Status.FAILED, Status.QUARANTINED})


@dataclass(frozen=True, kw_only=True)
class Fared:
    """The ended jobs of one kind and model tag."""

    ended: int
    failed: int
    waits_ms: list[float]
    """Ascending: from acceptance to the last claim."""

    @property
    def failure_rate(self) -> float | None:
        return self.failed / self.ended if self.ended else None

    def wait_ms(self, percentile: float) -> float | None:
        return nearest_rank(self.waits_ms, percentile)


@dataclass(frozen=True, kw_only=True)
class Sample:
    """All of them."""

    by_queue: dict[tuple[str, str], Fared]
    """By (kind, model tag)."""
    ended: int
    cut: bool
    """There were more than `SAMPLE`: the figures stand for the latest of them."""


def recent(*, now: datetime) -> Sample:
    rows = list(
        Job.objects.filter(ended_at__gte=now - WINDOW)
        .order_by("-ended_at")
        .values_list("kind", "model", "status", "created_at", "claimed_at")[: SAMPLE + 1]
    )
    cut = len(rows) > SAMPLE
    kept = rows[:SAMPLE]
    grouped: dict[tuple[str, str], list[tuple[str, float | None]]] = {}
    for kind, model, status, created, claimed in kept:
        wait = (claimed - created).total_seconds() * 1000 if claimed else None
        grouped.setdefault((kind, model), []).append((status, wait))
    return Sample(
        by_queue={
            key: Fared(
                ended=len(fared),
                failed=sum(status in _FAILURES for status, _ in fared),
                waits_ms=sorted(wait for _, wait in fared if wait is not None),
            )
            for key, fared in grouped.items()
        },
        ended=len(kept),
        cut=cut,
    )


def nearest_rank(ascending: Sequence[float], percentile: float) -> float | None:
    """The smallest value that at least `percentile` (0..1) of the values do not exceed; None without values."""
    if not ascending:
        return None
    return ascending[max(0, math.ceil(len(ascending) * percentile) - 1)]

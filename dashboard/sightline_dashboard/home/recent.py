"""How the jobs of the last hour fared, from a bounded sample: the most recent ones."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sightline.jobs.models import Job
from sightline.jobs.status import Status

WINDOW = timedelta(hours=1)
LATELY = timedelta(minutes=15)
"""What "now" means where failures are compared: long enough to count some, short enough to end when they do."""
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
class Tally:
    """Jobs that ended lately, counted by the values of one dimension."""

    ended: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, kw_only=True)
class Lately:
    """The jobs of the last `LATELY`."""

    ended: int = 0
    failed: int = 0
    by: dict[str, Tally] = field(default_factory=dict)
    """By kind, tenant, GPU and model."""
    codes: Counter[str] = field(default_factory=Counter)
    """Failures by their error's code."""

    @property
    def failure_rate(self) -> float | None:
        return self.failed / self.ended if self.ended else None


@dataclass(frozen=True, kw_only=True)
class Sample:
    """All of them."""

    by_queue: dict[tuple[str, str], Fared]
    """By (kind, model tag)."""
    ended: int
    cut: bool
    """There were more than `SAMPLE`: the figures stand for the latest of them."""
    lately: Lately


def recent(*, now: datetime) -> Sample:
    """One query of at most `SAMPLE` rows."""
    rows = list(
        Job.objects.filter(ended_at__gte=now - WINDOW)
        .order_by("-ended_at")
        .values_list(
            "kind",
            "model",
            "status",
            "created_at",
            "claimed_at",
            "ended_at",
            "group",
            "tenant__name",
            "error",
        )[: SAMPLE + 1]
    )
    cut = len(rows) > SAMPLE
    kept = rows[:SAMPLE]
    grouped: dict[tuple[str, str], list[tuple[str, float | None]]] = {}
    by = {name: Tally() for name in ("GPU", "kind", "tenant", "model")}
    codes, ended, failed = Counter[str](), 0, 0
    for kind, model, status, created, claimed, ended_at, group, tenant, error in kept:
        wait = (claimed - created).total_seconds() * 1000 if claimed else None
        grouped.setdefault((kind, model), []).append((status, wait))
        if ended_at is None or ended_at < now - LATELY:
            continue
        bad = status in _FAILURES
        ended, failed = ended + 1, failed + bad
        for name, value in (("GPU", group), ("kind", kind), ("tenant", tenant), ("model", model)):
            by[name].ended[value] += 1
            by[name].failed[value] += bad
        if bad:
            codes[(error or {}).get("code", status)] += 1
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
        lately=Lately(ended=ended, failed=failed, by=by, codes=codes),
    )


def nearest_rank(ascending: Sequence[float], percentile: float) -> float | None:
    """The smallest value that at least `percentile` (0..1) of the values do not exceed; None without values."""
    if not ascending:
        return None
    return ascending[max(0, math.ceil(len(ascending) * percentile) - 1)]

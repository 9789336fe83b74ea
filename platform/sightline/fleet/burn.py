"""How fast each kind spends its error budget: 1 means just in time, 10 a budget of a month gone in three days."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings

from sightline.fleet.models import Minute

SHORT, LONG = timedelta(minutes=5), timedelta(hours=1)
FAST = 14.4
"""Burnt that fast over both windows, two percent of a month's budget are gone within the hour: somebody should look.

From the multi-window alerts of Google's SRE workbook, chapter 5.
"""


@dataclass(frozen=True, kw_only=True)
class Burn:
    """One queue's burn rate over five minutes and an hour; None: nothing started."""

    short: float | None
    long: float | None

    @property
    def alarming(self) -> bool:
        return min(self.short or 0.0, self.long or 0.0) >= FAST


def burn_rates(*, now: datetime) -> dict[str, Burn]:
    """By queue name; one query over the last hour's minutes."""
    started, late = Counter[tuple[str, bool]](), Counter[tuple[str, bool]]()
    rows = Minute.objects.filter(at__gte=now - LONG, subject__startswith="queue:")
    for at, subject, values in rows.values_list("at", "subject", "values"):
        for short in (False, True) if at >= now - SHORT - timedelta(minutes=1) else (False,):
            started[subject, short] += values.get("started", 0)
            late[subject, short] += values.get("late", 0)
    return {
        subject.removeprefix("queue:"): Burn(
            short=_rate(subject, late[subject, True], started[subject, True]),
            long=_rate(subject, late[subject, False], started[subject, False]),
        )
        for subject, short in list(started)
        if not short
    }


def _rate(subject: str, late: int, started: int) -> float | None:
    target = settings.SLO.get(subject.removeprefix("queue:").partition(".")[0])
    if not target or not started:
        return None
    share: float = target["share"]
    return late / started / (1 - share)

"""What rules look at, read once for all of them: a value of each metric for each queue or group.

At most four queries, over waiting jobs, an hour of minutes and the groups: none grows with the table of jobs.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sightline.alerts.models import Metric
from sightline.fleet import burn, groups
from sightline.fleet.models import EngineState, Group, Minute
from sightline.telemetry import depth

WINDOW = timedelta(minutes=5)
"""A failure rate is that of the last five whole minutes."""
_FAILED = frozenset({"failed", "quarantined", "incomplete"})
SILENT_S = 15.0
"""A group reports every second or so."""


@dataclass(frozen=True, kw_only=True)
class Reading:
    """One value."""

    value: float
    jobs: int | None = None
    """Of how many jobs it is a share; None: of none."""
    detail: str = ""
    """What else is known, for people."""


Readings = Mapping[str, Reading]
"""By queue or group; one without a value is not there."""


def read(*, metrics: Collection[str], now: datetime) -> dict[str, Readings]:
    """The wanted metrics, by name."""
    found: dict[str, Readings] = {}
    if {Metric.DEPTH, Metric.OLDEST_AGE} & set(metrics):
        waiting = depth.by_queue()
        found[Metric.DEPTH] = {
            queue: Reading(
                value=float(known.depth), detail=f"{known.parked} more in a backoff" if known.parked else ""
            )
            for queue, known in waiting.items()
        }
        found[Metric.OLDEST_AGE] = {
            queue: Reading(value=known.oldest_age_s or 0.0, detail=f"Waiting: {known.depth}")
            for queue, known in waiting.items()
        }
    if Metric.FAILURE_RATE in metrics:
        found[Metric.FAILURE_RATE] = _failure_rates(now)
    if Metric.BURN in metrics:
        found[Metric.BURN] = {
            queue: Reading(
                value=min(rates.short or 0.0, rates.long or 0.0),
                detail=f"{rates.short or 0:.1f} over 5 minutes, {rates.long or 0:.1f} over an hour",
            )
            for queue, rates in burn.burn_rates(now=now).items()
        }
    if Metric.ENGINE in metrics:
        found[Metric.ENGINE] = _engines(now)
    return found


def _failure_rates(now: datetime) -> Readings:
    ended: dict[str, int] = defaultdict(int)
    failed: dict[str, int] = defaultdict(int)
    rows = Minute.objects.filter(at__gte=now - WINDOW - timedelta(minutes=1), subject__startswith="queue:")
    for subject, values in rows.values_list("subject", "values"):
        queue = subject.removeprefix("queue:")
        for status, count in (values.get("ended") or {}).items():
            ended[queue] += count
            failed[queue] += count if status in _FAILED else 0
    return {
        queue: Reading(
            value=failed[queue] / count, jobs=count, detail=f"{failed[queue]} of {count} in the last minutes"
        )
        for queue, count in ended.items()
        if count
    }


def _engines(now: datetime) -> Readings:
    """1 for an engine that does not serve. One that was stopped on purpose is none of them, nor one that is drained."""
    found = {}
    for group in Group.objects.filter(drained_at=None):
        silent = group.heartbeat_at is not None and (now - group.heartbeat_at).total_seconds() > SILENT_S
        lost = group.state == EngineState.STOPPED and group.detail == groups.LOST
        down = lost or (group.state != EngineState.STOPPED and (silent or group.state != EngineState.LIVE))
        words = "it stopped reporting" if silent and not lost else group.detail
        found[group.pk] = Reading(
            value=float(down), detail=f"{group.state}: {words}" if words else group.state
        )
    return found

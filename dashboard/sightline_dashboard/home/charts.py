"""The last hour or day as series for Chart.js, from the minutes that the sweeper writes."""

from collections import defaultdict
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from sightline.fleet.models import Minute

RANGES = {
    "hour": (timedelta(hours=1), timedelta(minutes=1)),
    "day": (timedelta(days=1), timedelta(minutes=15)),
}
"""Name: (how far back, the step of the axis)."""
_BAD = frozenset({"failed", "quarantined", "incomplete", "expired"})

Values = dict[str, Any]
Read = Callable[[Values], float | None]


def charts(*, name: str, now: datetime) -> dict[str, Any]:
    """`{labels: [HH:MM], charts: [{id, title, unit, series: [{label, data}]}]}`; gaps are null.

    One query, of at most a day's minutes.
    """
    span, step = RANGES[name]
    rows = list(
        Minute.objects.filter(at__gt=now - span).order_by("at").values_list("subject", "at", "values")
    )
    first = _floor(now - span, step)
    steps = int(span / step) + 1
    labels = [f"{first + step * n:%H:%M}" for n in range(steps)]

    queues, groups = _Steps(first, step, steps), _Steps(first, step, steps)
    for subject, at, values in rows:
        kind, _, subject_name = subject.partition(":")
        (queues if kind == "queue" else groups).add(subject_name, at, values)
    a_minute = timedelta(minutes=1) / step
    return {
        "labels": labels,
        "charts": [
            _chart("depth", "Waiting jobs", "", queues.series(_get("depth"), max)),
            _chart("wait", "Wait p95", "ms", queues.series(_get("wait_p95_ms"), max)),
            _chart("ended", "Ended a minute", "", queues.series(_ended(bad=False), sum, a_minute)),
            _chart(
                "failed",
                "Failed, incomplete or expired a minute",
                "",
                queues.series(_ended(bad=True), sum, a_minute),
            ),
            _chart("kv", "KV cache in use", "%", groups.series(_get("kv_usage"), max, 100)),
            _chart("load", "GPU load", "%", groups.series(_get("gpu_load"), max, 100)),
        ],
    }


class _Steps:
    """Minutes sorted into the steps of the axis."""

    def __init__(self, first: datetime, step: timedelta, count: int) -> None:
        self.first, self.step, self.count = first, step, count
        self.found: dict[str, dict[int, list[Values]]] = defaultdict(lambda: defaultdict(list))

    def add(self, subject: str, at: datetime, values: Values) -> None:
        place = (at - self.first) // self.step
        if 0 <= place < self.count:
            self.found[subject][place].append(values)

    def series(
        self, read: Read, join: Callable[[list[float]], float], factor: float = 1.0
    ) -> dict[str, list[float | None]]:
        """Subject: a value a step; the minutes of a step are joined, a step without any is None."""
        return {
            subject: [self._value(by_step.get(n, []), read, join, factor) for n in range(self.count)]
            for subject, by_step in sorted(self.found.items())
        }

    @staticmethod
    def _value(
        minutes: list[Values], read: Read, join: Callable[[list[float]], float], factor: float
    ) -> float | None:
        known = [value for value in map(read, minutes) if value is not None]
        return round(join(known) * factor, 2) if known else None


def _floor(moment: datetime, step: timedelta) -> datetime:
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight + (moment - midnight) // step * step


def _get(name: str) -> Read:
    return lambda values: values.get(name)


def _ended(*, bad: bool) -> Read:
    def read(values: Values) -> float:
        ended: dict[str, int] = values.get("ended") or {}
        return sum(count for status, count in ended.items() if (status in _BAD) is bad)

    return read


def _chart(id: str, title: str, unit: str, series: dict[str, list[float | None]]) -> dict[str, Any]:
    return {
        "id": id,
        "title": title,
        "unit": unit,
        "series": [{"label": subject, "data": values} for subject, values in series.items()],
    }

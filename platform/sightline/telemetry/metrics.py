"""Counters and histograms that all processes add to, in one Redis hash; `exposition` shows them.

One pipeline a call. Numbers may be lost with Redis, jobs may not: when it is away nothing is counted, silently.
"""

import json
from collections.abc import Iterable, Mapping

from redis import Redis

from sightline.redis_client import RedisAway, call

HASH = "sightline:metrics"
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0)
"""Upper bounds in seconds."""

COUNTERS: Mapping[str, str] = {
    "sightline_jobs_total": "Jobs that ended, by kind, tag and status.",
    "sightline_attempts_total": "Attempts that ended, by outcome and group.",
    "sightline_wakeups_topped_up_total": "Wake-ups that the sweeper sent because they were missing, by queue.",
    "sightline_leases_reclaimed_total": "Jobs whose lease lapsed, by kind.",
    "sightline_cache_total": "Submissions that asked the cache, by kind and outcome: l1, l2, near, coalesced, miss.",
    "sightline_webhook_attempts_total": "Requests to webhook receivers, by outcome.",
}
HISTOGRAMS: Mapping[str, str] = {
    "sightline_queue_wait_seconds": "From acceptance to the first claim, by kind and tag.",
    "sightline_run_seconds": "From the claim to the end of the job, by kind and tag.",
}


def count(name: str, amount: float = 1, **labels: str) -> None:
    """Add to a counter."""
    _add([(_field(name, labels), amount)])


def observe(name: str, seconds: float, **labels: str) -> None:
    """Add one duration to a histogram."""
    _add(_observation(name, seconds, labels))


def observe_ended(
    *,
    kind: str,
    tag: str,
    status: str,
    queue_wait_s: float | None = None,
    run_s: float | None = None,
    attempt: tuple[str, str] | None = None,
    cache: str | None = None,
) -> None:
    """Count an ended job and its durations; None for a job that was never claimed. One round trip.

    `attempt` is the outcome and the group of the attempt that ended it, `cache` the tier that had the answer; both
    are counted as well.
    """
    changes = [(_field("sightline_jobs_total", {"kind": kind, "tag": tag, "status": status}), 1.0)]
    where = {"kind": kind, "tag": tag}
    if queue_wait_s is not None:
        changes += _observation("sightline_queue_wait_seconds", queue_wait_s, where)
    if run_s is not None:
        changes += _observation("sightline_run_seconds", run_s, where)
    if cache is not None:
        changes.append((_field("sightline_cache_total", {"kind": kind, "outcome": cache}), 1.0))
    if attempt is not None:
        outcome, group = attempt
        changes.append((_field("sightline_attempts_total", {"outcome": outcome, "group": group}), 1.0))
    _add(changes)


def count_attempt(*, outcome: str, group: str) -> None:
    """Count an ended attempt."""
    count("sightline_attempts_total", outcome=outcome, group=group)


def read() -> dict[tuple[str, str, tuple[tuple[str, str], ...]], float]:
    """Everything counted, by (name, part, labels); part is "" for a counter, else le=…, sum or count.

    Raises RedisAway.
    """
    stored = call(lambda redis: redis.hgetall(HASH))
    found = {}
    for field, value in stored.items():
        name, part, labels = json.loads(field)
        found[name, part, tuple((key, text) for key, text in labels)] = float(value)
    return found


def _field(name: str, labels: Mapping[str, str], part: str = "") -> str:
    return json.dumps([name, part, sorted(labels.items())], separators=(",", ":"))


def _observation(name: str, seconds: float, labels: Mapping[str, str]) -> list[tuple[str, float]]:
    # One bucket a value; the exposition adds them up, as Prometheus wants them cumulative.
    bucket = next((bound for bound in BUCKETS if seconds <= bound), float("inf"))
    return [
        (_field(name, labels, f"le={bucket}"), 1.0),
        (_field(name, labels, "sum"), max(0.0, seconds)),
    ]


def _add(changes: Iterable[tuple[str, float]]) -> None:
    changes = list(changes)

    def send(redis: Redis) -> None:
        pipeline = redis.pipeline(transaction=False)
        for field, amount in changes:
            pipeline.hincrbyfloat(HASH, field, amount)
        pipeline.execute()

    try:
        call(send)
    except RedisAway:
        return  # by design, see above

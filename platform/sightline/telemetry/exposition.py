"""`/metrics` in Prometheus' text format: what the database knows now, and what the processes counted."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from django.db.models import Count
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from sightline.celery import queue_name
from sightline.fleet.models import EngineState, Group, Queue
from sightline.jobs.models import Job
from sightline.jobs.status import Status
from sightline.near import switch
from sightline.redis_client import RedisAway
from sightline.telemetry import depth, metrics

# The engine's own metrics have more; Prometheus scrapes them beside ours.
_READINGS = {
    "tokens_in_flight": "Tokens granted to the requests aboard the engine.",
    "running": "Requests that the engine works on.",
    "waiting": "Requests in the engine's own queue.",
    "kv_usage": "Share of the KV cache in use, 0 to 1.",
    "preemptions": "Sequences pushed out for want of KV blocks since the engine's start.",
    "generated_tokens": "Tokens generated since the engine's start.",
    "prefix_cache_queries": "Prompt tokens looked up in the engine's prefix cache since its start.",
    "prefix_cache_hits": "Prompt tokens found in the engine's prefix cache since its start.",
    "image_cache_queries": "Images looked up among the engine's preprocessed ones since its start.",
    "image_cache_hits": "Images found among the engine's preprocessed ones since its start.",
    "gpu_load": "Share of time that the GPUs were busy, 0 to 1.",
    "gpu_memory_bytes": "GPU memory in use.",
}
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def text() -> bytes:
    """The whole page. Raises DatabaseError when the database is away; Redis may be."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Scrape([*_queues(), *_fleet(), *_near(), *_counted()]))
    return generate_latest(registry)


class _Scrape(Collector):
    """Hands over what was collected: the library asks twice, the database is asked once."""

    def __init__(self, families: list[Metric]) -> None:
        self.families = families

    def collect(self) -> Iterator[Metric]:
        yield from self.families

    def describe(self) -> list[Metric]:
        return []


def _queues() -> Iterator[Metric]:
    waiting = GaugeMetricFamily(
        "sightline_queue_depth", "Jobs that wait and can be claimed.", labels=["queue"]
    )
    parked = GaugeMetricFamily("sightline_queue_parked", "Jobs in backoff.", labels=["queue"])
    oldest = GaugeMetricFamily(
        "sightline_queue_oldest_age_seconds", "Age of the oldest waiting job.", labels=["queue"]
    )
    for name, found in depth.by_queue().items():
        waiting.add_metric([name], found.depth)
        parked.add_metric([name], found.parked)
        oldest.add_metric([name], found.oldest_age_s or 0.0)
    paused = GaugeMetricFamily(
        "sightline_queue_paused", "1 while an operator paused the queue.", labels=["queue"]
    )
    for name, since in Queue.objects.values_list("name", "paused_at"):
        paused.add_metric([name], since is not None)
    running = GaugeMetricFamily("sightline_in_flight", "Jobs that run.", labels=["kind", "tag", "group"])
    rows = (
        Job.objects.filter(status=Status.RUNNING)
        .values_list("kind", "model", "group")
        .annotate(count=Count("pk"))
    )
    for kind, tag, group, count in rows.order_by():
        running.add_metric([kind, tag, group], count)
    yield from (waiting, parked, oldest, paused, running)


def _fleet() -> Iterator[Metric]:
    seats = GaugeMetricFamily("sightline_seats", "Seats, by queue and group.", labels=["queue", "group"])
    states = GaugeMetricFamily(
        "sightline_engine_state",
        "1 for the state that the engine is in.",
        labels=["group", "tag", "gpu", "state"],
    )
    restarts = CounterMetricFamily(
        "sightline_engine_restarts",
        "Restarts of the engine since its group started.",
        labels=["group", "tag", "gpu"],
    )
    tokens = GaugeMetricFamily(
        "sightline_kv_tokens", "KV cache capacity in tokens.", labels=["group", "tag", "gpu"]
    )
    measured = {
        name: GaugeMetricFamily(f"sightline_engine_{name}", text, labels=["group", "tag", "gpu"])
        for name, text in _READINGS.items()
    }
    for group in Group.objects.order_by("id"):
        where = [group.id, group.tag, ",".join(group.gpus)]
        for kind, count in group.seats.items():
            seats.add_metric([queue_name(kind, group.tag), group.id], count)
        for state in EngineState.values:
            states.add_metric([*where, state], state == group.state)
        restarts.add_metric(where, group.restarts)
        if group.kv_tokens is not None:
            tokens.add_metric(where, group.kv_tokens)
        for name, family in measured.items():
            if (value := group.readings.get(name)) is not None:
                family.add_metric(where, value)
    yield from (seats, states, restarts, tokens, *measured.values())


def _near() -> Iterator[Metric]:
    """How far the near cache can be trusted."""
    labels = ["kind", "tag"]
    serving = GaugeMetricFamily(
        "sightline_near_serving", "0 while hits of the near cache are switched off.", labels=labels
    )
    checked = GaugeMetricFamily(
        "sightline_near_checked", "Near hits that the engine answered once more.", labels=labels
    )
    false = GaugeMetricFamily(
        "sightline_near_false", "Near hits that the engine answered differently.", labels=labels
    )
    upper = GaugeMetricFamily(
        "sightline_near_false_rate_upper", "95 % upper bound of the share of false hits.", labels=labels
    )
    for state in switch.every():
        where = [state.kind, state.model]
        serving.add_metric(where, state.on)
        checked.add_metric(where, state.checked)
        false.add_metric(where, state.false)
        upper.add_metric(where, state.upper)
    yield from (serving, checked, false, upper)


def _counted() -> Iterator[Metric]:
    up = GaugeMetricFamily(
        "sightline_broker_up", "1 while Redis answers; counters are missing while it does not."
    )
    try:
        found = metrics.read()
    except RedisAway:
        up.add_metric([], 0)
        yield up
        return
    up.add_metric([], 1)
    yield up
    by_name: dict[str, dict[tuple[tuple[str, str], ...], dict[str, float]]] = defaultdict(
        lambda: defaultdict(dict)
    )
    for (name, part, labels), value in found.items():
        by_name[name][labels][part] = value
    for name, series in sorted(by_name.items()):
        if name in metrics.COUNTERS:
            yield _counter(name, series)
        elif name in metrics.HISTOGRAMS:
            yield _histogram(name, series)


def _counter(name: str, series: Any) -> Metric:
    labels = [key for key, _ in next(iter(series))]
    family = CounterMetricFamily(name.removesuffix("_total"), metrics.COUNTERS[name], labels=labels)
    for where, parts in sorted(series.items()):
        family.add_metric([text for _, text in where], parts[""])
    return family


def _histogram(name: str, series: Any) -> Metric:
    labels = [key for key, _ in next(iter(series))]
    family = HistogramMetricFamily(name, metrics.HISTOGRAMS[name], labels=labels)
    for where, parts in sorted(series.items()):
        total, buckets = 0.0, []
        for bound in (*metrics.BUCKETS, float("inf")):
            total += parts.get(f"le={bound}", 0.0)
            buckets.append(("+Inf" if bound == float("inf") else str(bound), total))
        family.add_metric([text for _, text in where], buckets, sum_value=parts.get("sum", 0.0))
    return family

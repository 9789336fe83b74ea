"""A row per kind and model tag, and one for each queue of suspects or unprepared jobs that holds any."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db.models import Count, Min, Q

from sightline.celery import queue_name
from sightline.fleet.burn import Burn
from sightline.fleet.models import Queue
from sightline.jobs.models import Job
from sightline.jobs.status import Status
from sightline.kinds.registry import KINDS
from sightline_dashboard.home.group_rows import GroupRow
from sightline_dashboard.home.recent import Fared, Sample
from sightline_dashboard.home.running import Running

_NOBODY = Fared(ended=0, failed=0, waits_ms=[])
_UNBURNT = Burn(short=None, long=None)


@dataclass(frozen=True, kw_only=True)
class QueueRow:
    """One queue now."""

    name: str
    kind: str
    """Empty for queues that serve several."""
    tag: str
    waiting: int
    """Claimable jobs."""
    parked: int
    """Jobs in a backoff."""
    oldest_s: float | None
    """Age of the oldest that waits."""
    running: int
    seats: int
    """Of the groups that take jobs now."""
    fared: Fared
    burn: Burn
    paused_at: datetime | None
    paused_by: str

    @property
    def target(self) -> dict[str, float] | None:
        """`share` of the kind's jobs that should start within `start_within_s` seconds."""
        found: dict[str, float] | None = settings.SLO.get(self.kind)
        return found

    @property
    def p50_ms(self) -> float | None:
        return self.fared.wait_ms(0.5)

    @property
    def p95_ms(self) -> float | None:
        return self.fared.wait_ms(0.95)

    @property
    def unserved(self) -> bool:
        """Jobs wait and nobody takes them."""
        return bool(self.kind and self.waiting and not self.seats)


def queue_rows(
    *,
    now: datetime,
    aboard: Running,
    groups: Sequence[GroupRow],
    sample: Sample,
    burn: Mapping[str, Burn],
) -> list[QueueRow]:
    """Two queries: over the queued jobs, of which admission keeps no more than it allows, and over the queues."""
    depth = {
        name: (waiting, parked, oldest)
        for name, waiting, parked, oldest in Job.objects.filter(status=Status.QUEUED, source=None)
        .order_by()
        .values_list("queue")
        .annotate(
            waiting=Count("pk", filter=Q(parked_until=None)),
            parked=Count("pk", filter=Q(parked_until__isnull=False)),
            oldest=Min("created_at"),
        )
    }
    words = {queue.name: queue for queue in Queue.objects.all()}
    places = [(queue_name(kind, tag), kind, tag) for tag in settings.MODELS for kind in KINDS]
    known = {name for name, _, _ in places}
    places += [(name, "", "") for name in sorted((depth.keys() | _paused(words)) - known)]
    rows = []
    for name, kind, tag in places:
        waiting, parked, oldest = depth.get(name, (0, 0, None))
        word = words.get(name)
        rows.append(
            QueueRow(
                name=name,
                kind=kind,
                tag=tag,
                waiting=waiting,
                parked=parked,
                oldest_s=(now - oldest).total_seconds() if oldest else None,
                running=aboard.by_queue.get((kind, tag), 0),
                seats=sum(row.seats_of(kind) for row in groups if row.takes_jobs and row.group.tag == tag),
                fared=sample.by_queue.get((kind, tag), _NOBODY),
                burn=burn.get(name, _UNBURNT),
                paused_at=word.paused_at if word else None,
                paused_by=word.paused_by if word else "",
            )
        )
    return rows


def _paused(words: dict[str, Queue]) -> set[str]:
    return {name for name, queue in words.items() if queue.paused_at is not None}

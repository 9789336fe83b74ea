"""The jobs that run, counted by where. They are few: no more than there are seats."""

from dataclasses import dataclass

from django.db.models import Count

from sightline.jobs.models import Job
from sightline.jobs.status import Status


@dataclass(frozen=True, kw_only=True)
class Running:
    """Counts of one query."""

    by_queue: dict[tuple[str, str], int]
    """By (kind, model tag)."""
    by_group: dict[str, int]


def running() -> Running:
    by_queue: dict[tuple[str, str], int] = {}
    by_group: dict[str, int] = {}
    rows = Job.objects.filter(status=Status.RUNNING).order_by().values_list("kind", "model", "group")
    for kind, model, group, count in rows.annotate(count=Count("pk")):
        by_queue[kind, model] = by_queue.get((kind, model), 0) + count
        by_group[group] = by_group.get(group, 0) + count
    return Running(by_queue=by_queue, by_group=by_group)

"""L2: the database itself. The job that holds a key answers for it, on every host, for as long as it is kept."""

import json
from typing import Any
from uuid import UUID

from django.db import connection

from sightline import clock
from sightline.cache.values import Found, InFlight, Stale, Wanted
from sightline.jobs.status import ACTIVE, Status

_COLUMNS = "id, status, queue, followed, ended_at, finish_reason, output"


def find(wanted: Wanted) -> Found | InFlight | Stale | None:
    """What the row that holds the key is good for; None: there is none. One read of one index."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {_COLUMNS}, {clock.after_sql()} FROM jobs_job WHERE cache_key = %s",  # noqa: S608
            [clock.after_param(), wanted.key],
        )
        row = cursor.fetchone()
    return None if row is None else _judge(wanted, row)


def _judge(wanted: Wanted, row: Any) -> Found | InFlight | Stale:
    id, status, queue, followed, ended_at, finish_reason, output, now = row
    job = id if isinstance(id, UUID) else UUID(id)
    if status in ACTIVE:
        queued = status == Status.QUEUED
        if wanted.mode == "refresh" and not queued:
            return Stale(holder=job)  # it began before this request came: too early to count as new
        return InFlight(leader=job, queue=queue, queued=queued, followed=bool(followed))
    ended = clock.parse(ended_at)
    if wanted.mode == "refresh" or (clock.parse(now) - ended).total_seconds() > wanted.ttl_s:
        return Stale(holder=job)
    return Found(
        tier="l2",
        source=job,
        key=wanted.key,
        output=json.loads(output) if isinstance(output, str) else output,
        finish_reason=finish_reason,
        ended_at=ended,
    )

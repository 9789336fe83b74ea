"""What a job gets from the cache, on the condition that the cache still has it."""

from typing import Any

from django.db import connection

from sightline import clock
from sightline.cache.values import Found
from sightline.clock import After
from sightline.jobs.services import followers
from sightline.jobs.status import Status


class Outdated(Exception):
    """What the cache said a moment ago does not hold any more: look again."""


LOOKS = 4
"""Then a job is done without the cache: so many identical ones came and went meanwhile."""


def columns(found: Found) -> dict[str, Any]:
    """How a job ends that is answered out of the cache. No engine worked for it: it used nothing."""
    return {
        "status": Status.SUCCEEDED,
        "output": found.output,
        "finish_reason": found.finish_reason,
        "served_from": found.served_from,
        "usage": dict(followers.NO_USAGE),
        "source": found.source,
        "source_ended_at": found.ended_at,
        "ended_at": After(),
    }


def vouched(found: Found, *, ttl_s: int) -> tuple[str, list[Any]]:
    """The condition (SQL, parameters) under which an answer may be given: its own job still holds its key.

    Part of the statement that gives it: what was erased or replaced a moment ago is not given any more.
    """
    condition = (
        "EXISTS (SELECT 1 FROM jobs_job s WHERE s.cache_key = %s AND s.id = %s"  # noqa: S608
        f" AND s.status = 'succeeded' AND s.ended_at >= {clock.after_sql()})"
    )
    source = found.source.hex if connection.vendor == "sqlite" else str(found.source)
    return condition, [found.key, source, clock.after_param(-ttl_s)]

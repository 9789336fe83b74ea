"""May one more job wait? Limits per queue and per tenant, counted in Redis.

A counter holds what the database counted at most `_FRESH_S` seconds ago plus what was admitted since, by every web
process. Jobs that left the queue meanwhile are not subtracted, so a counter can only be too high, and before
anybody is refused a count older than half a second is made anew. A lost Redis costs a count, never a wrong limit.
"""

from dataclasses import dataclass
from functools import partial

from django.conf import settings
from redis import Redis
from redis.client import Pipeline

from sightline.errors import Problem
from sightline.jobs import eta
from sightline.jobs.models import Job
from sightline.jobs.status import Status
from sightline.redis_client import RedisAway, call
from sightline.tenants.models import Tenant

_FRESH_MS = 2_000
_OLD_MS = 500
_LONGEST_RETRY_S = 60.0


@dataclass(frozen=True, kw_only=True)
class _Limit:
    """One bound on waiting jobs."""

    key: str
    """Its counter in Redis."""
    most: int
    """Jobs that may wait."""
    code: str
    """The problem when there are more."""
    detail: str
    tenant: Tenant | None
    queue: str

    def count(self) -> int:
        """Waiting jobs by the database, counted in an index and no further than the limit."""
        waiting = Job.objects.filter(queue=self.queue, status=Status.QUEUED)
        waiting = (
            waiting.filter(parked_until=None) if self.tenant is None else waiting.filter(tenant=self.tenant)
        )
        return waiting.order_by()[: self.most + 1].count()


def admit(*, tenant: Tenant, queue: str) -> None:
    """Reserve a place for one job; `queue_full` or `quota_exceeded` (429) when there is none."""
    limits = _limits(tenant, queue)
    try:
        refusal = _reserve(limits)
        if refusal is not None and refusal.age_ms > _OLD_MS:
            stale = refusal.limit.key
            call(lambda redis: redis.delete(stale))
            refusal = _reserve(limits)
        over = refusal.limit if refusal else None
    except RedisAway:
        over = next((limit for limit in limits if limit.count() >= limit.most), None)
    if over is None:
        return
    rate = eta.service(queue).rate
    raise Problem(
        over.detail,
        code=over.code,
        status=429,
        retryable=True,
        retry_after_s=min(_LONGEST_RETRY_S, max(1.0, 1 / rate)) if rate else 5.0,
    )


def withdraw(*, tenant: Tenant, queue: str) -> None:
    """Give the place back: the job was not accepted after all."""
    keys = [limit.key for limit in _limits(tenant, queue)]
    try:
        call(lambda redis: _add(redis.pipeline(), keys, -1))
    except RedisAway:
        return  # the counters are made anew when Redis is back


def _limits(tenant: Tenant, queue: str) -> tuple[_Limit, _Limit]:
    own = tenant.max_queued if tenant.max_queued is not None else settings.TENANT_QUEUE_LIMIT
    return (
        _Limit(
            key=f"sightline:queued:{queue}",
            most=settings.QUEUE_LIMIT,
            code="queue_full",
            detail=f"The queue {queue} is full: {settings.QUEUE_LIMIT} jobs wait.",
            tenant=None,
            queue=queue,
        ),
        _Limit(
            key=f"sightline:queued:{queue}:{tenant.pk.hex}",
            most=own,
            code="quota_exceeded",
            detail=f"{own} of your jobs wait in {queue} already, which is as many as may.",
            tenant=tenant,
            queue=queue,
        ),
    )


@dataclass(frozen=True, kw_only=True)
class _Refusal:
    """A limit that forbids one more job."""

    limit: _Limit
    age_ms: int
    """How long ago its counter was taken from the database."""


def _reserve(limits: tuple[_Limit, ...]) -> _Refusal | None:
    """Count one job in, unless a limit forbids it; one round trip when the counters are there."""
    keys = [limit.key for limit in limits]
    answers = call(lambda redis: _add(redis.pipeline(), keys, 1))
    for limit, value, left_ms in zip(limits, answers[0::2], answers[1::2], strict=True):
        if left_ms < 0:  # the counter was missing: INCRBY made it, without a base and an expiry
            value, left_ms = limit.count() + 1, _FRESH_MS
            call(partial(_keep, limit.key, value))
        if value > limit.most:
            call(lambda redis: _add(redis.pipeline(), keys, -1))
            return _Refusal(limit=limit, age_ms=_FRESH_MS - left_ms)
    return None


def _keep(key: str, value: int, redis: Redis) -> None:
    redis.set(key, value, px=_FRESH_MS)


def _add(pipeline: Pipeline, keys: list[str], amount: int) -> list[int]:
    for key in keys:
        pipeline.incrby(key, amount)
        pipeline.pttl(key)
    return pipeline.execute()

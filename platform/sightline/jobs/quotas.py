"""The bounds that a queue and a tenant set, each with the query that counts it.

The queries are made when they are asked: every submission makes its bounds, and one in hundreds counts them.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Q, QuerySet

from sightline import clock
from sightline.celery import PREPARE, queue_name
from sightline.jobs.counters import FRESH_MS, Bound, Count
from sightline.jobs.models import Job
from sightline.jobs.status import Status
from sightline.tenants import quotas
from sightline.tenants.models import Tenant, TokenUse

_OLD_MS = 500
_MINUTE_S, _DAY_S = 60, 86_400
_CLOCKS_APART = timedelta(minutes=5)
"""Ids carry the web hosts' clocks, which may differ from the database's by so much before a count is too low."""


def bounds(*, tenant: Tenant, queue: str) -> list[Bound]:
    """All that bounds one more job of the tenant in the queue."""
    kind = queue.partition(".")[0]
    quota = quotas.of(tenant, kind)
    found = [_queue(queue)]
    found.append(_own_queue(tenant, queue) if quota.queued is None else _queued(tenant, kind, quota.queued))
    if quota.in_flight is not None:
        found.append(_in_flight(tenant, kind, quota.in_flight))
    if quota.per_minute is not None:
        found.append(_per_minute(tenant, kind, quota.per_minute))
    if quota.tokens_per_day is not None:
        found.append(_tokens(tenant, kind, quota.tokens_per_day))
    return found


def of_kind(*, tenant: Tenant, kind: str) -> list[Bound]:
    """The quotas of a tenant that are set for a kind."""
    default = queue_name(kind, settings.DEFAULT_MODEL)
    return [bound for bound in bounds(tenant=tenant, queue=default) if bound.name.startswith(f"{kind}-")]


def _queue(queue: str) -> Bound:
    return Bound(
        name=f"queue {queue}",
        key=f"sightline:queued:{queue}",
        most=settings.QUEUE_LIMIT,
        code="queue_full",
        detail=f"The queue {queue} is full: {settings.QUEUE_LIMIT} jobs wait.",
        count=partial(_claimable, queue, settings.QUEUE_LIMIT),
        recounts_ms=_OLD_MS,
    )


def _own_queue(tenant: Tenant, queue: str) -> Bound:
    most = tenant.max_queued if tenant.max_queued is not None else settings.TENANT_QUEUE_LIMIT
    return Bound(
        name=f"{queue}-queued",
        key=f"sightline:queued:{queue}:{tenant.pk.hex}",
        most=most,
        detail=f"{most} of your jobs wait in {queue} already, which is as many as may.",
        count=partial(_own, tenant, [queue], most),
        recounts_ms=_OLD_MS,
        unit="concurrent-requests",
    )


def _queued(tenant: Tenant, kind: str, most: int) -> Bound:
    return _quota(
        tenant,
        f"{kind}-queued",
        most,
        used=f"{most} of your {kind} jobs wait, which is as many as may",
        count=partial(_own, tenant, _queues(kind), most),
        recounts_ms=_OLD_MS,
        unit="concurrent-requests",
    )


def _in_flight(tenant: Tenant, kind: str, most: int) -> Bound:
    return _quota(
        tenant,
        f"{kind}-in-flight",
        most,
        used=f"{most} of your {kind} jobs wait or run, which is as many as may",
        count=partial(_aboard, tenant, kind, most),
        recounts_ms=_OLD_MS,
        unit="concurrent-requests",
    )


def _per_minute(tenant: Tenant, kind: str, most: int) -> Bound:
    return _quota(
        tenant,
        f"{kind}-per-minute",
        most,
        used=f"{most} {kind} jobs were accepted in this minute",
        count=partial(_accepted, tenant.pk, kind, most),
        window_s=_MINUTE_S,
    )


def _tokens(tenant: Tenant, kind: str, most: int) -> Bound:
    return _quota(
        tenant,
        f"{kind}-tokens-per-day",
        most,
        used=f"your {kind} jobs have used {most} tokens today (UTC)",
        count=partial(_used_today, tenant.pk, kind),
        adds=False,
        window_s=_DAY_S,
        resets_in_ms=_to_midnight_ms(datetime.now(UTC)),  # shown to people: this host's clock will do
        unit="tokens",
    )


def _quota(tenant: Tenant, name: str, most: int, *, used: str, **more: Any) -> Bound:
    """A tenant's own number. `used` says that it is reached; `more` are the other fields of `Bound`."""
    return Bound(
        name=name,
        key=f"sightline:quota:{tenant.pk.hex}:{name}",
        most=most,
        detail=f"The quota {name} is used up: {used}.",
        **more,
    )


def _of_kind(kind: str) -> Q:
    """Jobs that take the seats of a kind, and that somebody sent: the platform's own checks count for nobody."""
    return (Q(seats=kind) | Q(seats="", kind=kind)) & Q(shadow=False)


def _queues(kind: str) -> list[str]:
    return [queue_name(kind, tag) for tag in settings.MODELS]


def _waiting(tenant: Tenant, queues: Sequence[str]) -> QuerySet[Job]:
    return Job.objects.filter(
        tenant=tenant, queue__in=queues, status=Status.QUEUED, source=None, shadow=False
    )


def _number(rows: QuerySet[Job], most: int) -> int:
    """Rows, counted in an index and no further than one beyond the bound."""
    return rows.order_by()[: most + 1].count()


def _claimable(queue: str, most: int) -> Count:
    rows = Job.objects.filter(queue=queue, status=Status.QUEUED, parked_until=None)
    return Count(value=_number(rows, most), fresh_ms=FRESH_MS)


def _own(tenant: Tenant, queues: Sequence[str], most: int) -> Count:
    return Count(value=_number(_waiting(tenant, queues), most), fresh_ms=FRESH_MS)


def _aboard(tenant: Tenant, kind: str, most: int) -> Count:
    own = Job.objects.filter(_of_kind(kind), tenant=tenant)
    preparing = own.filter(queue=PREPARE, status=Status.QUEUED)
    running = own.filter(status=Status.RUNNING)
    value = sum(_number(rows, most) for rows in (_waiting(tenant, _queues(kind)), preparing, running))
    return Count(value=value, fresh_ms=FRESH_MS)


def _accepted(tenant_id: UUID, kind: str, most: int) -> Count:
    now = clock.now()
    began = now.replace(second=0, microsecond=0)
    lowest = UUID(int=int((began - _CLOCKS_APART).timestamp() * 1000) << 80)
    rows = Job.objects.filter(_of_kind(kind), tenant_id=tenant_id, id__gte=lowest, created_at__gte=began)
    left = _ms(began + timedelta(seconds=_MINUTE_S) - now)
    return Count(value=_number(rows, most), fresh_ms=left)


def _used_today(tenant_id: UUID, kind: str) -> Count:
    now = clock.now()
    rows = TokenUse.objects.filter(tenant_id=tenant_id, kind=kind, day=now.date())
    used = rows.values_list("tokens", flat=True).first() or 0
    return Count(value=used, fresh_ms=min(FRESH_MS, _to_midnight_ms(now)))


def _to_midnight_ms(now: datetime) -> int:
    return _ms(datetime.combine(now.date(), time.max, tzinfo=UTC) - now)


def _ms(span: timedelta) -> int:
    return max(1, int(span.total_seconds() * 1000))

"""Causes as lines of a table: which are shown, and what a line says of one."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Case, Q, QuerySet, When
from django.utils.safestring import SafeString

from sightline.triage import causes
from sightline.triage.models import Cause, CauseState
from sightline_dashboard.sparkline import sparkline

SHOWN = 100
_OPEN = (CauseState.REGRESSED, CauseState.OPEN, CauseState.ACKNOWLEDGED)


@dataclass(frozen=True, kw_only=True)
class Row:
    """A cause and what its line shows of it."""

    cause: Cause
    spark: SafeString
    last_day: int
    kinds: list[str]
    groups: list[str]
    models: list[str]
    tenants: list[str]
    muted: bool


def rows(queryset: QuerySet[Cause], *, now: datetime, most: int = SHOWN) -> list[Row]:
    """One query; regressed ones first, then by when they were last seen."""
    return [row_of(cause, now) for cause in first(queryset, most=most)]


def first(queryset: QuerySet[Cause], *, most: int = SHOWN) -> list[Cause]:
    """The causes that the lines are made of."""
    came_back = Case(When(state=CauseState.REGRESSED, then=0), default=1)
    return list(queryset.order_by(came_back, "-last_seen")[:most])


def row_of(cause: Cause, now: datetime) -> Row:
    counts = causes.sparkline(cause, now=now)
    return Row(
        cause=cause,
        spark=sparkline(counts, words=f"{sum(counts)} within 24 hours, {sum(counts[-6:])} in the last one"),
        last_day=sum(counts),
        kinds=_names(cause, "kind"),
        groups=_names(cause, "group"),
        models=_names(cause, "model"),
        tenants=_names(cause, "tenant"),
        muted=bool(cause.muted_until and cause.muted_until > now),
    )


def _names(cause: Cause, name: str) -> list[str]:
    counts = cause.tallies.get(name, {})
    return sorted(counts, key=lambda value: -counts[value])


def inbox(*, now: datetime) -> QuerySet[Cause]:
    """What somebody should look at: neither resolved nor muted."""
    return Cause.objects.filter(Q(muted_until=None) | Q(muted_until__lte=now), state__in=_OPEN)


def muted(*, now: datetime) -> QuerySet[Cause]:
    return Cause.objects.filter(muted_until__gt=now)


def resolved(*, now: datetime) -> QuerySet[Cause]:
    return Cause.objects.filter(state=CauseState.RESOLVED)


def everything(*, now: datetime) -> QuerySet[Cause]:
    return Cause.objects.all()


VIEWS: dict[str, tuple[str, Callable[..., QuerySet[Cause]]]] = {
    "inbox": ("Inbox", inbox),
    "muted": ("Muted", muted),
    "resolved": ("Resolved", resolved),
    "all": ("All", everything),
}

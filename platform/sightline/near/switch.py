"""Whether near hits are served: off by itself above the budget of false hits, on again by an operator alone.

The rate is that of the checks of the last `WINDOW_S`, or since the last reset, so that a long good record does not
hide a change for the worse. One false hit among fewer than a thousand checks is above a budget of 0.1 %: being
served somebody else's number is what must not happen, and an operator can look at the pair before he goes on.
"""

import threading
import time
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.db.models import Count, Q

from sightline.audit import services as audit
from sightline.clock import After
from sightline.near import bound
from sightline.near.models import Check, Switch
from sightline.near.verdict import Verdict
from sightline.telemetry import lifecycle

WINDOW_S = 30 * 86_400
"""How long a check counts, and is kept."""
FRESH_S = 1.0
"""How long one process keeps what it read."""


@dataclass(frozen=True, kw_only=True)
class State:
    """What is known of near hits of one kind and model."""

    kind: str
    model: str
    on: bool
    off_at: datetime | None
    off_by: str
    """Who switched it off; empty: the rate did."""
    checked: int
    """Hits that the engine answered once more."""
    false: int
    """Those of them that were wrong."""

    @property
    def rate(self) -> float | None:
        """Share of false hits; None before the first check."""
        return self.false / self.checked if self.checked else None

    @property
    def upper(self) -> float:
        """The 95 % upper bound of that share."""
        return bound.upper(self.false, self.checked)


_lock = threading.Lock()
_read: tuple[float, frozenset[tuple[str, str]]] = (float("-inf"), frozenset())


def on(kind: str, model: str) -> bool:
    """May hits be served? Read from the database at most once a second."""
    global _read
    if time.monotonic() - _read[0] > FRESH_S:
        with _lock:
            if time.monotonic() - _read[0] > FRESH_S:
                off = Switch.objects.filter(off_at__isnull=False).values_list("kind", "model")
                _read = (time.monotonic(), frozenset(off))
    return (kind, model) not in _read[1]


def forget() -> None:
    """Read anew at the next question."""
    global _read
    _read = (float("-inf"), frozenset())


def judge(*, kind: str, model: str) -> bool:
    """Switch off what is above the budget; whether this call did."""
    state = of(kind=kind, model=model)
    if not state.on or not state.false or state.false <= settings.NEAR_BUDGET * state.checked:
        return False
    with transaction.atomic():
        row, _ = Switch.objects.get_or_create(kind=kind, model=model)
        changed = Switch.objects.filter(pk=row.pk, off_at=None).update(off_at=After(), off_by="")
    forget()
    if changed:
        lifecycle.near_off(kind=kind, tag=model, false=state.false, checked=state.checked)
    return bool(changed)


def turn(*, kind: str, model: str, serve: bool, actor: str) -> State:
    """An operator's word. Switched on, the count of checks begins anew."""
    with transaction.atomic():
        row, _ = Switch.objects.get_or_create(kind=kind, model=model)
        if serve:
            Switch.objects.filter(pk=row.pk).update(off_at=None, off_by="", counted_from=After())
        else:
            Switch.objects.filter(pk=row.pk, off_at=None).update(off_at=After(), off_by=actor[:150])
        audit.write(actor=actor, action=f"near.{'on' if serve else 'off'}", subject=f"{kind}.{model}")
    forget()
    return of(kind=kind, model=model)


def of(*, kind: str, model: str) -> State:
    """The state of one kind and model."""
    row = Switch.objects.filter(kind=kind, model=model).first()
    counted = Check.objects.filter(kind=kind, model=model, ended_at__gt=After(-WINDOW_S))
    if row is not None and row.counted_from is not None:
        counted = counted.filter(ended_at__gt=row.counted_from)
    numbers = counted.order_by().aggregate(
        checked=Count("pk", filter=Q(verdict__in=(Verdict.SAME, Verdict.DIFFERENT))),
        false=Count("pk", filter=Q(verdict=Verdict.DIFFERENT)),
    )
    return State(
        kind=kind,
        model=model,
        on=row is None or row.off_at is None,
        off_at=row.off_at if row else None,
        off_by=row.off_by if row else "",
        **numbers,
    )


def every() -> list[State]:
    """Those that were ever checked or switched, by kind and model."""
    pairs = set(Check.objects.order_by().values_list("kind", "model").distinct())
    pairs |= set(Switch.objects.values_list("kind", "model"))
    return [of(kind=kind, model=model) for kind, model in sorted(pairs)]

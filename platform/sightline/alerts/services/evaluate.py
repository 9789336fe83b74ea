"""One look at every rule: what is newly broken, broken for long enough, or good again.

The rows are the truth. Each move is one conditional UPDATE (or an insert that only one can make) with its messages in
the same transaction, so that a leader that dies in the middle, or two that look at once, tell once.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction

from sightline import clock
from sightline.alerts import lifecycle, message, readings
from sightline.alerts.models import Alert, AlertState, Metric, Rule
from sightline.alerts.readings import Reading
from sightline.clock import After

_OPEN = (AlertState.PENDING, AlertState.FIRING)
KEPT = timedelta(days=90)
BATCH = 500


def evaluate() -> int:
    """How many alerts moved. A fixed number of queries while nothing does."""
    rules = list(Rule.objects.filter(enabled=True).prefetch_related("channels"))
    open_alerts = {(alert.rule_id, alert.subject): alert for alert in Alert.objects.filter(state__in=_OPEN)}
    if not rules and not open_alerts:
        return 0
    now = clock.now()
    known = readings.read(metrics={rule.metric for rule in rules}, now=now)
    moved = 0
    for rule in rules:
        values = {
            subject: reading for subject, reading in known[rule.metric].items() if concerns(rule, subject)
        }
        own = {subject: alert for (key, subject), alert in open_alerts.items() if key == rule.pk}
        for subject in sorted(values.keys() | own.keys()):
            moved += _step(rule, subject, values.get(subject), own.get(subject), now)
    enabled = {rule.pk for rule in rules}
    for alert in open_alerts.values():
        if alert.rule_id not in enabled:
            moved += _withdraw(alert)
    return moved


def concerns(rule: Rule, subject: str) -> bool:
    """Does a rule look at this queue or group?"""
    if not rule.scope or rule.scope == subject:
        return True
    return rule.metric != Metric.ENGINE and subject.partition(".")[0] == rule.scope


def _step(rule: Rule, subject: str, reading: Reading | None, alert: Alert | None, now: datetime) -> bool:
    value = _value(rule, reading)
    broken, good = value >= rule.threshold, value < rule.clears_below
    detail = reading.detail if reading else ""
    if alert is None:
        return broken and _begin(rule, subject, value, detail, now)
    if alert.state == AlertState.PENDING:
        if not broken:
            return bool(Alert.objects.filter(pk=alert.pk, state=AlertState.PENDING).delete()[0])
        if (now - alert.since).total_seconds() >= rule.for_s:
            return _fire(rule, alert, value, detail)
        return False
    if good:
        if alert.good_since is None:
            Alert.objects.filter(pk=alert.pk, state=AlertState.FIRING).update(good_since=now)
            alert.good_since = now
        if (now - alert.good_since).total_seconds() >= rule.clear_for_s:
            return _resolve(rule, alert, detail)
        return False
    seen = {"value": value, "peak": max(alert.peak, value), "detail": detail[:300], "good_since": None}
    if broken and any(getattr(alert, name) != now_it_is for name, now_it_is in seen.items()):
        Alert.objects.filter(pk=alert.pk, state=AlertState.FIRING).update(**seen)
    elif alert.good_since is not None:  # between the two thresholds: not good, so it is not about to resolve
        Alert.objects.filter(pk=alert.pk).update(good_since=None)
    return _tell(rule, alert, now) if alert.told_at is None else False


def _value(rule: Rule, reading: Reading | None) -> float:
    """What nobody reported is none: nothing waits, nothing failed, nothing is down."""
    if reading is None or (reading.jobs is not None and reading.jobs < rule.least_jobs):
        return 0.0
    return reading.value


def _begin(rule: Rule, subject: str, value: float, detail: str, now: datetime) -> bool:
    try:
        with transaction.atomic():
            alert = Alert.objects.create(
                rule=rule, subject=subject, value=value, peak=value, detail=detail[:300], since=now
            )
    except IntegrityError:  # another leader was faster: the row is there
        return False
    if rule.for_s == 0:
        _fire(rule, alert, value, detail)
    return True


def _fire(rule: Rule, alert: Alert, value: float, detail: str) -> bool:
    values: dict[str, Any] = {
        "state": AlertState.FIRING,
        "value": value,
        "peak": max(alert.peak, value),
        "detail": detail[:300],
        "fired_at": After(),
    }
    with transaction.atomic():
        if not Alert.objects.filter(pk=alert.pk, state=AlertState.PENDING).update(**values):
            return False
        alert.refresh_from_db()
        _tell(rule, alert, clock.now())
    lifecycle.moved(rule, alert)
    return True


def _tell(rule: Rule, alert: Alert, now: datetime) -> bool:
    """Tell that it fires, once; not while the rule is muted: then when the mute ends, if it still does."""
    if rule.muted_until is not None and rule.muted_until > now:
        return False
    with transaction.atomic():
        untold = Alert.objects.filter(pk=alert.pk, state=AlertState.FIRING, told_at=None)
        if not untold.update(told_at=After()):
            return False
        message.send(message.FIRING, rule, alert)
    return True


def _resolve(rule: Rule, alert: Alert, detail: str) -> bool:
    with transaction.atomic():
        firing = Alert.objects.filter(pk=alert.pk, state=AlertState.FIRING)
        if not firing.update(state=AlertState.RESOLVED, resolved_at=After(), detail=detail[:300]):
            return False
        alert.refresh_from_db()
        if alert.told_at is not None:  # who was not told that it fires is not told that it is over
            message.send(message.RESOLVED, rule, alert)
    lifecycle.moved(rule, alert)
    return True


def _withdraw(alert: Alert) -> bool:
    """Its rule was switched off."""
    if alert.state == AlertState.PENDING:
        return bool(Alert.objects.filter(pk=alert.pk, state=AlertState.PENDING).delete()[0])
    rule = Rule.objects.prefetch_related("channels").filter(pk=alert.rule_id).first()
    return rule is not None and _resolve(rule, alert, "the rule was switched off")


def forget() -> int:
    """Delete alerts that were resolved long ago; how many, at most `BATCH`."""
    old = Alert.objects.filter(
        state=AlertState.RESOLVED, resolved_at__lt=After(-KEPT.total_seconds())
    ).order_by("resolved_at")
    keys = list(old.values_list("pk", flat=True)[:BATCH])
    Alert.objects.filter(pk__in=keys).delete()
    return len(keys)


def firing() -> Mapping[Any, int]:
    """How many alerts fire, by rule."""
    found: dict[Any, int] = {}
    for key in Alert.objects.filter(state=AlertState.FIRING).values_list("rule_id", flat=True):
        found[key] = found.get(key, 0) + 1
    return found

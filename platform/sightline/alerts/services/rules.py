"""What operators do with rules: make, change, delete, mute, test. Each act is on record."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction

from sightline import clock
from sightline.alerts import message
from sightline.alerts.models import Alert, Channel, Metric, Rule
from sightline.audit import services as audit
from sightline.clock import After
from sightline.errors import Conflict, InvalidInput

MOST = 200
FIELDS = (
    "name",
    "metric",
    "scope",
    "threshold",
    "clear_below",
    "for_s",
    "clear_for_s",
    "least_jobs",
    "enabled",
)
_LONGEST_S = 7 * 86_400


def create(*, actor: str, values: Mapping[str, Any], channels: Sequence[Channel] = ()) -> Rule:
    """A new rule. Raises InvalidInput, and Conflict for a name that is taken."""
    rule = Rule(**{name: values[name] for name in FIELDS if name in values}, updated_by=actor)
    check(rule)
    with transaction.atomic():
        if Rule.objects.count() >= MOST:
            raise Conflict(f"There are {MOST} rules already; delete one first.")
        _write(rule, actor, channels)
        audit.write(actor=actor, action="alert.create", subject=rule.name, after=plain(rule))
    return rule


def change(
    *, rule: Rule, actor: str, values: Mapping[str, Any], channels: Sequence[Channel] | None = None
) -> Rule:
    """Change what `values` names; an alert that is open is judged anew at the next look."""
    with transaction.atomic():
        row = Rule.objects.select_for_update().get(pk=rule.pk)
        before = plain(row)
        for name in FIELDS:
            if name in values:
                setattr(row, name, values[name])
        check(row)
        _write(row, actor, channels)
        audit.write(actor=actor, action="alert.change", subject=row.name, before=before, after=plain(row))
    return row


def delete(*, rule: Rule, actor: str) -> None:
    """The rule and its history."""
    with transaction.atomic():
        audit.write(actor=actor, action="alert.delete", subject=rule.name, before=plain(rule))
        Alert.objects.filter(rule=rule).delete()
        rule.delete()


def mute(*, rule: Rule, actor: str, hours: float) -> Rule:
    """Tell nobody for some hours; 0: tell again, at once if it still fires."""
    if not 0 <= hours <= 24 * 30:
        raise InvalidInput("A rule is muted for 720 hours at most.")
    until = clock.now() + timedelta(hours=hours) if hours else None
    with transaction.atomic():
        Rule.objects.filter(pk=rule.pk).update(muted_until=until)
        audit.write(
            actor=actor,
            action="alert.mute",
            subject=rule.name,
            before={"muted_until": _moment(rule.muted_until)},
            after={"muted_until": _moment(until)},
        )
    rule.refresh_from_db()
    return rule


def test(*, rule: Rule, actor: str) -> int:
    """Send a message that says that it is a test to each channel; how many. Raises Conflict when there is none."""
    with transaction.atomic():
        sent = message.send_test(rule)
        if not sent:
            raise Conflict("The rule has no channel that is enabled.")
        audit.write(actor=actor, action="alert.test", subject=rule.name, after={"channels": sent})
    return sent


def _write(rule: Rule, actor: str, channels: Sequence[Channel] | None) -> None:
    rule.updated_at, rule.updated_by = After(), actor[:200]
    try:
        with transaction.atomic():
            rule.save()
    except IntegrityError as error:
        raise Conflict(f"There is a rule called {rule.name!r} already.") from error
    if channels is not None:
        rule.channels.set(channels)
    rule.refresh_from_db()


def check(rule: Rule) -> None:
    """Raises InvalidInput for a rule that makes no sense; puts its name in order."""
    rule.name = " ".join(rule.name.split())
    if not 0 < len(rule.name) <= 80:
        raise InvalidInput("A rule needs a name of 80 characters at most.")
    if rule.metric not in Metric.values:
        raise InvalidInput("metric is one of " + ", ".join(Metric.values) + ".")
    if rule.metric == Metric.ENGINE:
        rule.threshold, rule.clear_below = 1.0, None
    if not 0 < rule.threshold < 1e12:
        raise InvalidInput("threshold is a number above 0.")
    if rule.metric == Metric.FAILURE_RATE and rule.threshold > 1:
        raise InvalidInput("threshold of a failure rate is a share, 1 at most: 0.05 are five percent.")
    if rule.clear_below is not None and not 0 < rule.clear_below <= rule.threshold:
        raise InvalidInput("clear_below is above 0 and not above the threshold.")
    if rule.for_s > _LONGEST_S or rule.clear_for_s > _LONGEST_S:
        raise InvalidInput("for_s and clear_for_s are a week at most.")


def plain(rule: Rule) -> dict[str, Any]:
    """The rule as the record keeps it."""
    channels = [str(channel) for channel in rule.channels.all()] if rule.pk and not rule._state.adding else []
    return {**{name: getattr(rule, name) for name in FIELDS}, "channels": channels}


def _moment(value: datetime | None) -> str | None:
    return value.isoformat() if value else None


def find(key: UUID) -> Rule | None:
    return Rule.objects.prefetch_related("channels").filter(pk=key).first()

"""What channels are told, and where it leads: the jobs that it is about, filtered."""

from typing import Any
from urllib.parse import quote, urlencode

from django.conf import settings

from sightline.alerts.models import Alert, Metric, Rule
from sightline.webhooks.services import outbox

FIRING, RESOLVED, TEST = "alert.firing", "alert.resolved", "alert.test"
TYPES = (FIRING, RESOLVED, TEST)

_UNITS = ((86_400, "d"), (3600, "h"), (60, "min"), (1, "s"))
_SEARCHES = {
    Metric.DEPTH: "status:queued",
    Metric.OLDEST_AGE: "status:queued",
    Metric.FAILURE_RATE: "status:failed,quarantined,incomplete created:>1h",
    Metric.BURN: "created:>1h",
}


def path(rule: Rule, subject: str) -> str:
    """The admin's page of what the alert is about."""
    if rule.metric == Metric.ENGINE:
        return f"/admin/fleet/group/{_admin_quoted(subject)}/change/" if subject else "/admin/fleet/group/"
    words = [_SEARCHES[Metric(rule.metric)]]
    if subject:
        words.insert(0, f"queue:{subject}")
    query = {"q": " ".join(words)}
    if rule.metric == Metric.OLDEST_AGE:
        query["oldest"] = "1"
    return f"/admin/jobs/job/?{urlencode(query)}"


def send(type_: str, rule: Rule, alert: Alert) -> int:
    """One message to each channel of the rule; how many. Call it in the transaction that makes it true."""
    return outbox.tell(
        endpoints=list(rule.channels.all()),
        type_=type_,
        data={
            **_about(rule, alert.subject, type_),
            "id": alert.public_id,
            "value": alert.value,
            "peak": alert.peak,
            "detail": alert.detail,
            "text": _text(type_, rule, alert),
        },
    )


def send_test(rule: Rule) -> int:
    """The same form, to see that it arrives."""
    subject = rule.scope
    data = {
        **_about(rule, subject, TEST),
        "id": None,
        "value": None,
        "peak": None,
        "detail": "",
        "text": f"Nothing is wrong: somebody tested the rule {rule.name!r}. {_condition(rule)}",
    }
    return outbox.tell(endpoints=list(rule.channels.all()), type_=TEST, data=data)


def _about(rule: Rule, subject: str, type_: str) -> dict[str, Any]:
    word = {FIRING: "Firing", RESOLVED: "Resolved", TEST: "Test"}[type_]
    return {
        "title": f"[Sightline] {word}: {rule.name}{f' ({subject})' if subject else ''}",
        "rule": rule.public_id,
        "name": rule.name,
        "metric": str(rule.metric),
        "subject": subject,
        "threshold": rule.threshold,
        "url": settings.PUBLIC_URL + path(rule, subject),
    }


def _text(type_: str, rule: Rule, alert: Alert) -> str:
    if type_ == FIRING:
        lines = [f"{alert.subject}: {shown(rule, alert.value)} since {alert.since:%Y-%m-%d %H:%M:%S} UTC."]
    else:
        ended = f"{alert.resolved_at:%Y-%m-%d %H:%M:%S}" if alert.resolved_at else ""
        lines = [f"{alert.subject}: good again at {ended} UTC. The worst was {shown(rule, alert.peak)}."]
    if alert.detail:
        lines.append(f"{alert.detail}.")
    return " ".join([*lines, _condition(rule)])


def _condition(rule: Rule) -> str:
    return f"The rule: {condition(rule)}."


def condition(rule: Rule) -> str:
    """The rule in words."""
    if rule.metric == Metric.ENGINE:
        return f"an engine that does not serve for {span(rule.for_s)}"
    measured = Metric(rule.metric).label.partition(",")[0]
    return f"{measured} of {shown(rule, rule.threshold)} or more for {span(rule.for_s)}"


def shown(rule: Rule, value: float) -> str:
    """A value as people read it."""
    match rule.metric:
        case Metric.FAILURE_RATE:
            return f"{value:.1%}"
        case Metric.OLDEST_AGE:
            return span(value)
        case Metric.ENGINE:
            return "down" if value else "up"
        case Metric.BURN:
            return f"{value:.1f}"
    return f"{value:,.0f}"


def span(seconds: float) -> str:
    """Seconds as people read them, by their two largest units: `45 s`, `5 min`, `1 h 30 min`."""
    left, told = round(seconds), []
    for size, unit in _UNITS:
        count, left = divmod(left, size)
        if count:
            told.append(f"{count:,} {unit}")
    return " ".join(told[:2]) or "0 s"


def _admin_quoted(key: str) -> str:
    """As the admin writes keys into addresses (`django.contrib.admin.utils.quote`), without importing the admin."""
    return quote("".join(f"_{ord(c):02X}" if c in '":/_#?;@&=+$,"[]<>%\n\\' else c for c in key))

"""What alerts leave in the log, in one place."""

import logging

from sightline.alerts.models import Alert, AlertState, Rule
from sightline.telemetry import metrics

log = logging.getLogger("sightline.alerts")


def moved(rule: Rule, alert: Alert) -> None:
    fires = alert.state == AlertState.FIRING
    log.log(
        logging.WARNING if fires else logging.INFO,
        "event=alert_%s alert=%s rule=%r metric=%s subject=%s value=%g threshold=%g",
        alert.state,
        alert.public_id,
        rule.name,
        rule.metric,
        alert.subject,
        alert.value,
        rule.threshold,
    )
    metrics.count("sightline_alerts_total", state=alert.state)

"""What deliveries leave in the log, in one place: `event=… message=… endpoint=… job=…`."""

import logging

from sightline import ids
from sightline.telemetry import metrics
from sightline.webhooks.models import Delivery, DeliveryState, Endpoint
from sightline.webhooks.sender import Response

log = logging.getLogger("sightline.webhooks")


def attempted(delivery: Delivery, response: Response, *, tries: int, state: DeliveryState) -> None:
    log.log(
        logging.INFO if response.delivered else logging.WARNING,
        "event=webhook_attempt message=%s endpoint=%s job=%s type=%s attempt=%d http=%s state=%s ms=%.1f error=%r",
        delivery.public_id,
        delivery.endpoint.public_id,
        ids.encode(ids.JOB, delivery.job_id) if delivery.job_id else "-",
        delivery.type,
        tries,
        response.status or "-",
        state,
        response.duration_ms,
        response.error,
    )
    outcome = "delivered" if response.delivered else "failed"
    metrics.count("sightline_webhook_attempts_total", outcome=outcome)


def fenced_off(delivery: Delivery, *, fence: int) -> None:
    log.warning("event=webhook_fenced_off message=%s fence=%d", delivery.public_id, fence)


def disabled(endpoint: Endpoint, *, reason: str) -> None:
    log.warning("event=webhook_disabled endpoint=%s reason=%r", endpoint.public_id, reason)

"""Endpoints and deliveries as the API shows them."""

from typing import Any, cast
from uuid import UUID

from sightline import ids
from sightline.api.native.representation import moment
from sightline.webhooks import secrets
from sightline.webhooks.models import Delivery, DeliveryState, Endpoint


def endpoint_view(endpoint: Endpoint) -> dict[str, Any]:
    """Everything but the secret."""
    return {
        "id": endpoint.public_id,
        "object": "webhook_endpoint",
        "url": endpoint.url or None,
        "events": endpoint.events,
        "description": endpoint.description,
        "disabled_at": moment(endpoint.disabled_at),
        "disabled_reason": endpoint.disabled_reason or None,
        "failures": endpoint.failures,
        "created_at": moment(endpoint.created_at),
    }


def secret_view(endpoint: Endpoint) -> dict[str, Any]:
    """The secret alone. Raises SecretUnreadable."""
    return {
        "object": "webhook_secret",
        "secret": secrets.decrypt(endpoint.secret),
        "previous_valid_until": moment(endpoint.previous_until),
    }


def delivery_view(delivery: Delivery) -> dict[str, Any]:
    """A delivery with its attempts and its endpoint, both loaded before."""
    waits = delivery.state in (DeliveryState.PENDING, DeliveryState.SENDING)
    return {
        "id": delivery.public_id,
        "object": "webhook_delivery",
        "endpoint": delivery.endpoint.public_id,
        "url": delivery.url,
        "type": delivery.type,
        "job": ids.encode(ids.JOB, cast(UUID, delivery.job_id)),  # a tenant's are all about jobs
        "state": str(delivery.state),
        "tries": delivery.tries,
        "next_attempt_at": moment(delivery.due_at) if waits else None,
        "created_at": moment(delivery.created_at),
        "ended_at": moment(delivery.ended_at),
        "attempts": [
            {
                "at": moment(attempt.at),
                "duration_ms": attempt.duration_ms,
                "status": attempt.status,
                "error": attempt.error or None,
                "response": attempt.response or None,
            }
            for attempt in delivery.attempts.all()
        ],
    }

"""Write down how an attempt went, and what follows from it."""

from django.db import transaction
from django.db.models import F

from sightline.clock import After
from sightline.jobs.storable import storable
from sightline.webhooks import lifecycle
from sightline.webhooks.models import Delivery, DeliveryAttempt, DeliveryState, Endpoint
from sightline.webhooks.schedule import pause_s
from sightline.webhooks.sender import Response
from sightline.webhooks.services.claim import Parcel
from sightline.webhooks.services.endpoints import disable

MOST_FAILURES = 50
"""Attempts that fail in a row before an endpoint is disabled."""
_GONE = 410
"""The receiver's word that it wants no more (Standard Webhooks)."""


def record(*, parcel: Parcel, response: Response) -> DeliveryState | None:
    """The state of the delivery now; None when the lease had passed to somebody else, who will record."""
    delivery, endpoint = parcel.delivery, parcel.delivery.endpoint
    tries = delivery.tries + 1
    pause = None if response.delivered or _is_disabled(endpoint) else pause_s(tries)
    state = DeliveryState.DELIVERED if response.delivered else DeliveryState.FAILED
    change = {"state": state, "ended_at": After()}
    if pause is not None:
        state = DeliveryState.PENDING
        change = {"state": state, "due_at": After(pause)}
    with transaction.atomic():
        held = Delivery.objects.filter(
            pk=delivery.pk, fence=parcel.fence, state=DeliveryState.SENDING
        ).update(tries=tries, **change)
        if not held:
            return None
        DeliveryAttempt.objects.create(
            delivery=delivery,
            at=After(),
            duration_ms=response.duration_ms,
            status=response.status,
            error=storable(response.error[:300]),
            response=storable(response.excerpt),
        )
        if not endpoint.one_off:
            _judge(endpoint, response)
    lifecycle.attempted(delivery, response, tries=tries, state=state)
    return state


def _is_disabled(endpoint: Endpoint) -> bool:
    return Endpoint.objects.filter(pk=endpoint.pk, disabled_at__isnull=False).exists()


def _judge(endpoint: Endpoint, response: Response) -> None:
    """Count failures in a row; an endpoint that only fails, or says that it is gone, is disabled."""
    row = Endpoint.objects.filter(pk=endpoint.pk)
    if response.delivered:
        row.exclude(failures=0).update(failures=0)
        return
    row.update(failures=F("failures") + 1)
    if response.status == _GONE:
        disable(endpoint=endpoint, reason="The receiver answered 410: it wants no more.")
    elif row.filter(failures__gte=MOST_FAILURES).exists():
        disable(endpoint=endpoint, reason=f"{MOST_FAILURES} attempts in a row failed.")

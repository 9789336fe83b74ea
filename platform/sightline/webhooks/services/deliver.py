"""Deliver the next due message: claim, sign, send, record. No database connection is held while it is sent."""

from django.db import connection

from sightline import clock
from sightline.clock import After
from sightline.net import addresses
from sightline.webhooks import lifecycle, mail, sender, signing
from sightline.webhooks.models import DeliveryState, Endpoint
from sightline.webhooks.secrets import SecretUnreadable
from sightline.webhooks.sender import Response
from sightline.webhooks.services.claim import Parcel, claim
from sightline.webhooks.services.endpoints import signing_secrets
from sightline.webhooks.services.record import record


def deliver_next() -> tuple[str, DeliveryState | None] | None:
    """The public id of the message and its state after the attempt; None when nothing is due."""
    parcel = claim()
    if parcel is None:
        return None
    response = _send(parcel)
    state = record(parcel=parcel, response=response)
    if state is None:
        lifecycle.fenced_off(parcel.delivery, fence=parcel.fence)
    return parcel.delivery.public_id, state


def _send(parcel: Parcel) -> Response:
    delivery, endpoint = parcel.delivery, parcel.delivery.endpoint
    if delivery.url.startswith(mail.SCHEME):
        connection.close()
        return mail.send(to=delivery.url, message_id=delivery.public_id, body=delivery.body)
    # The database's clock: that is the one by which the previous secret was given its end.
    now = clock.parse(Endpoint.objects.filter(pk=endpoint.pk).values_list(After(), flat=True)[0])
    try:
        valid = signing_secrets(endpoint=endpoint, now=now)
    except SecretUnreadable as error:
        return Response(duration_ms=0.0, error=str(error))
    connection.close()
    return sender.post(
        url=delivery.url,
        body=delivery.body,
        headers=signing.headers(message_id=delivery.public_id, body=delivery.body, secrets=valid),
        policy=addresses.from_settings(),
    )

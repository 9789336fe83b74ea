"""Send a message once more, because its owner asked for it."""

from django.db import transaction

from sightline.celery import DELIVER
from sightline.clock import After
from sightline.errors import Conflict
from sightline.jobs import wakeups
from sightline.webhooks.models import Delivery, DeliveryState


def redeliver(*, delivery: Delivery) -> Delivery:
    """The same message under the same id with all its tries; `Conflict` while its endpoint is disabled."""
    if delivery.endpoint.disabled_at is not None:
        raise Conflict("The endpoint is disabled. Enable it first.")
    waits = Delivery.objects.filter(pk=delivery.pk).exclude(state=DeliveryState.SENDING)
    if waits.update(state=DeliveryState.PENDING, due_at=After(), tries=0, ended_at=None):
        transaction.on_commit(lambda: wakeups.publish(queue=DELIVER))
    delivery.refresh_from_db()
    return delivery

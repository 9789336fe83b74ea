"""The sweeper's verbs for webhooks: bounded, idempotent, right whoever else runs."""

from django.conf import settings

from sightline.celery import DELIVER
from sightline.clock import After
from sightline.jobs import wakeups
from sightline.webhooks.models import Delivery
from sightline.webhooks.services.claim import due

BATCH = 500
MOST_WAKEUPS = 100


def top_up() -> int:
    """Send the wake-ups that due deliveries lack: for retries, and for what the broker lost."""
    return wakeups.fill(queue=DELIVER, due=due(most=MOST_WAKEUPS))


def apply_retention() -> int:
    """Delete ended deliveries past their retention, with their attempts."""
    old = Delivery.objects.filter(ended_at__lt=After(-settings.WEBHOOK_RETENTION_S)).order_by("ended_at")
    batch = list(old.values_list("pk", flat=True)[:BATCH])
    Delivery.objects.filter(pk__in=batch).delete()
    return len(batch)

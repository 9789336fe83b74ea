"""Which queues there are, and an operator's word on them."""

from django.conf import settings
from django.db import transaction

from sightline.audit import services as audit
from sightline.celery import PREPARE, probation_queue, queue_name
from sightline.clock import After
from sightline.fleet.models import Queue
from sightline.kinds.registry import KINDS


def names(*, tags: list[str] | None = None) -> list[str]:
    """Every queue that a job can wait in."""
    served = list(settings.MODELS) if tags is None else tags
    return [
        *(queue_name(kind, tag) for tag in served for kind in KINDS),
        *(probation_queue(tag) for tag in served),
        PREPARE,
    ]


def pause(*, name: str, actor: str, reason: str = "") -> None:
    """Drain the queue: no claim succeeds from the next statement on, what runs ends. Jobs are accepted and wait."""
    with transaction.atomic():
        before = Queue.objects.filter(name=name, paused_at__isnull=False).exists()
        Queue.objects.update_or_create(name=name, defaults={"paused_at": After(), "paused_by": actor})
        audit.write(
            actor=actor,
            action="queue.pause",
            subject=name,
            before={"paused": before},
            after={"paused": True},
            reason=reason,
        )


def resume(*, name: str, actor: str, reason: str = "") -> None:
    """Open the queue again; the sweeper sends the wake-ups within a second."""
    with transaction.atomic():
        if Queue.objects.filter(name=name, paused_at__isnull=False).update(paused_at=None, paused_by=actor):
            audit.write(
                actor=actor,
                action="queue.resume",
                subject=name,
                before={"paused": True},
                after={"paused": False},
                reason=reason,
            )

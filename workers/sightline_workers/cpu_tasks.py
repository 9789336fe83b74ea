"""The Celery application of the cpu worker: media, webhooks and batches; needs no group and no engine.

Started as `celery -A sightline_workers.cpu_tasks worker`, by `sightline cpu`.
"""

from functools import cache
from typing import Any

import django
from celery.signals import celeryd_init, worker_shutting_down
from django.conf import settings

django.setup()

from sightline.celery import BATCH_NEXT, DELIVER_NEXT, PREPARE_NEXT, app  # noqa: E402
from sightline_workers.batching import Batcher  # noqa: E402
from sightline_workers.delivering import Deliverer  # noqa: E402
from sightline_workers.leases import Leases  # noqa: E402
from sightline_workers.preparing import Preparer  # noqa: E402
from sightline_workers.task_events import TaskEventsStep  # noqa: E402

app.steps["consumer"].add(TaskEventsStep)

_node = "cpu"


@celeryd_init.connect
def _remember_node(sender: str, **kwargs: Any) -> None:
    global _node
    _node = sender


@cache
def preparer() -> Preparer:
    """The process's preparer, made at its first job."""
    return Preparer(leases=leases())


@cache
def leases() -> Leases:
    """The process's heartbeat."""
    return Leases(_node)


@app.task(name=PREPARE_NEXT, bind=True)
def prepare_next(self: Any, queue: str) -> dict[str, str] | None:
    """Fetch the media of the next job that waits for them; returns its id and status for Flower."""
    return preparer().run_next(queue=queue, celery_task_id=self.request.id)


@cache
def deliverer() -> Deliverer:
    """The process's deliverer, with half of its threads."""
    return Deliverer(at_once=max(1, settings.CPU_THREADS // 2))


@app.task(name=DELIVER_NEXT)
def deliver_next(queue: str) -> dict[str, int]:
    """Deliver what is due; returns for Flower how many attempts were made."""
    return {"attempts": deliverer().run()}


@cache
def batcher() -> Batcher:
    """The process's batcher."""
    return Batcher()


@app.task(name=BATCH_NEXT)
def batch_next(queue: str) -> dict[str, int]:
    """Take the batches that are due as far as they go now; returns for Flower how many there were."""
    return {"batches": batcher().run()}


@worker_shutting_down.connect
def _drain(**kwargs: Any) -> None:
    """Celery stops consuming by itself; the threads pool would wait for ever for what runs."""
    leases().drain(settings.DRAIN_S)
    deliverer().stop()
    batcher().stop()

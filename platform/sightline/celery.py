"""The Celery app: wake-ups only. A message names a queue, never a job."""

import os

from celery import Celery
from celery.signals import task_postrun
from django.conf import settings
from django.db import close_old_connections

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "sightline.settings")

PREPARE = "prepare"
"""Where jobs wait whose media are still to be fetched."""
DELIVER = "deliver"
"""Where webhook deliveries wait."""
BATCH = "batch"
"""Where batches wait that a worker has something to do for."""
RUN_NEXT = "sightline.run_next"
PREPARE_NEXT = "sightline.prepare_next"
DELIVER_NEXT = "sightline.deliver_next"
BATCH_NEXT = "sightline.batch_next"


def task_name(queue: str) -> str:
    """The task that a wake-up of a queue calls."""
    return {PREPARE: PREPARE_NEXT, DELIVER: DELIVER_NEXT, BATCH: BATCH_NEXT}.get(queue, RUN_NEXT)


def queue_name(kind: str, tag: str) -> str:
    return f"{kind}.{tag}"


def probation_queue(tag: str) -> str:
    """Where suspects of a model tag wait to run alone."""
    return f"probation.{tag}"


def is_probation(queue: str) -> bool:
    return queue.startswith("probation.")


def _broker_url() -> str:
    return settings.REDIS_URL.replace("unix://", "redis+socket://", 1)


# Without Celery's own fixup for Django: it closes every connection after every task, and opening SQLite's anew costs a
# job more than its statements. Django's rule closes what has served its time: PostgreSQL's go back to their pool.
app = Celery("sightline", set_as_current=True, fixups=())
task_postrun.connect(close_old_connections)
app.conf.update(
    broker_url=_broker_url(),
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    broker_transport_options={
        # The sweeper replaces a wake-up that is lost with its worker, so the broker need not remember who has which:
        # it would cost two transactions a message.
        "ack_emulation": False,
        "queue_order_strategy": "priority",
        "priority_steps": [0],
        "health_check_interval": 10,
        "socket_keepalive": not settings.REDIS_URL.startswith("unix"),
        "socket_timeout": settings.REDIS_TIMEOUT_S,
        "socket_connect_timeout": settings.REDIS_TIMEOUT_S,
    },
    task_publish_retry=True,
    task_publish_retry_policy={"max_retries": 1, "interval_start": 0, "interval_step": 0},
    task_serializer="json",
    result_serializer="json",
    accept_content=["json"],
    task_ignore_result=True,
    result_backend=None,
    # There is none, and one of it is enough: each thread would search all installed packages for its own.
    result_backend_thread_safe=True,
    task_acks_late=True,
    task_reject_on_worker_lost=False,
    worker_prefetch_multiplier=1,
    worker_pool="threads",
    worker_send_task_events=True,
    # A message that was sent says nothing: it may wake nobody, and the job is in the database.
    task_send_sent_event=False,
    task_create_missing_queues=True,
    task_default_queue=PREPARE,
    worker_hijack_root_logger=False,
    worker_cancel_long_running_tasks_on_connection_loss=False,
    worker_enable_remote_control=True,
    enable_utc=True,
    timezone="UTC",
)

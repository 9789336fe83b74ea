"""The loop that heals: a plain process, no Celery task, so that it works while Redis does not."""

import logging
import os
import socket
import threading
import time
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import TypeVar

from django.conf import settings
from django.db import Error, connection

from sightline import clock
from sightline.alerts.services import evaluate as alerts
from sightline.batches.services import retention as batch_retention
from sightline.batches.services import settle as batches
from sightline.fleet import groups, leader, minutes, queues
from sightline.jobs.services import followers, sweep
from sightline.media import unused
from sightline.near import shadows
from sightline.sessions.services import retention as session_retention
from sightline.triage import bulk, causes
from sightline.webhooks.services import sweep as webhooks

T = TypeVar("T")

log = logging.getLogger(__name__)

EVERY_S = 1.0
LEASE_S = 5.0
RETENTION_EVERY_S = 60.0
ALERTS_EVERY_S = 5.0
NAME = "sweeper"


def run(stop: threading.Event) -> None:
    """Sweep every second while leading, until `stop` is set."""
    holder = f"{socket.gethostname()}:{os.getpid()}"
    retained = looked = -RETENTION_EVERY_S
    minute: datetime | None = None
    images = unused.Rounds(unused_s=settings.UPLOAD_RETENTION_S)
    while not stop.is_set():
        began = time.monotonic()
        try:
            if leader.lead(name=NAME, holder=holder, lease_s=LEASE_S):
                sweep_once()
                minute = _step(partial(_minutes, minute)) or minute
                if began - looked >= ALERTS_EVERY_S:
                    looked = began
                    _step(alerts.evaluate)
                # A full batch means that there is more: go on next second.
                if began - retained >= RETENTION_EVERY_S and not _retain(images):
                    retained = began
        except Error as error:
            log.warning("event=sweep_failed reason=%r", str(error))
            connection.close()
        stop.wait(max(0.0, EVERY_S - (time.monotonic() - began)))
    _step(lambda: leader.resign(name=NAME, holder=holder))


def sweep_once() -> None:
    """One round. A verb that fails does not keep the others from running."""
    _step(sweep.reclaim_lapsed)
    _step(sweep.unpark_due)
    _step(sweep.expire_deadlines)
    _step(followers.release_orphans)
    _step(groups.mark_lost)
    _step(lambda: sweep.top_up(queues=queues.names()))
    _step(webhooks.top_up)
    _step(batches.settle_all)
    _step(batches.top_up)
    _step(shadows.sweep)
    _step(causes.count)
    _step(bulk.advance)


def _retain(images: unused.Rounds) -> bool:
    """Delete what nobody keeps any longer; whether there is more of it."""
    full = _step(sweep.apply_retention) == sweep.BATCH
    _step(images.look)
    _step(shadows.forget)
    full = _step(session_retention.apply_retention) == session_retention.BATCH or full
    _step(alerts.forget)
    full = bool(_step(batch_retention.apply_retention)) or full
    return (_step(webhooks.apply_retention) == webhooks.BATCH) or full


def _minutes(last: datetime | None) -> datetime:
    """Write the minute that ended since the last look, by the database's clock; the time of this look."""
    now = clock.now()
    if last is None or now.replace(second=0, microsecond=0) > last.replace(second=0, microsecond=0):
        minutes.record(now=now)
        minutes.forget()
    return now


def _step(verb: Callable[[], T]) -> T | None:
    try:
        return verb()
    except (Error, OSError) as error:  # OSError: the images' disk or object store
        log.warning("event=sweep_step_failed reason=%r", str(error))
        connection.close()
        return None

"""The ASGI entry point: the shell in front of Django's WSGI app. `sightline web` serves it on one port."""

import logging
import os
from collections.abc import Collection, Mapping
from uuid import UUID

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "sightline.settings")

from sightline.wsgi import application as django  # isort: skip - Django is set up from here on

from django.conf import settings
from django.db import Error, close_old_connections

from sightline.api.native import batch_events, history
from sightline.audit import services as audit
from sightline.batches import progress
from sightline.database import statements
from sightline.events import boards
from sightline.events.batch_stream import Snapshot
from sightline.events.notify import batch_channel
from sightline.events.reading import LiveReader
from sightline.events.stream import History
from sightline.events.waiting import Waiters
from sightline.jobs.models import Job
from sightline.jobs.services.cancel import cancel
from sightline.jobs.status import ACTIVE
from sightline.web.boards import Boards
from sightline.web.bridge import Bridge
from sightline.web.shell import Shell

log = logging.getLogger("sightline.web")

_BATCH = 500


def _ended(job_ids: Collection[UUID]) -> set[UUID]:
    """Which of these jobs have ended, or are no more."""
    asked, active = list(job_ids), set()
    try:
        for start in range(0, len(asked), _BATCH):
            batch = asked[start : start + _BATCH]
            if len(batch) == 1:  # the look of a waiter that has just come
                job = statements.first(Job, id=batch[0])
                active |= {job.pk} if job and job.status in ACTIVE else set()
                continue
            rows = Job.objects.filter(pk__in=batch, status__in=ACTIVE)
            active |= set(rows.order_by().values_list("pk", flat=True))
    finally:
        close_old_connections()
    return set(asked) - active


def _drawn(name: str, variants: Collection[str]) -> Mapping[str, boards.Parts]:
    try:
        return boards.draw(name, variants)
    finally:
        close_old_connections()


async def _board(name: str, variants: Collection[str]) -> Mapping[str, boards.Parts]:
    found: Mapping[str, boards.Parts] = await _bridge.run(_drawn, name, variants)
    return found


async def _look(job_ids: Collection[UUID]) -> set[UUID]:
    found: set[UUID] = await _bridge.run(_ended, job_ids)
    return found


async def _transitions(asked: Collection[UUID]) -> dict[UUID, int]:
    found: dict[UUID, int] = await _bridge.run(history.transitions, asked)
    return found


async def _history(job_id: UUID, since: int) -> History:
    """Nothing new while the database is away: the stream is told again when there is something."""
    try:
        found: History = await _bridge.run(history.read, job_id, since)
    except Error as error:
        log.warning("event=history_unread reason=%r", str(error))
        return History(transitions=())
    return found


async def _batch(batch_id: UUID) -> Snapshot | None:
    """None while the database is away: the stream is told again when there is something."""
    try:
        found: Snapshot = await _bridge.run(batch_events.look, batch_id)
    except Error as error:
        log.warning("event=batch_unread reason=%r", str(error))
        return None
    return found


def _numbers(asked: Collection[UUID]) -> dict[UUID, int]:
    try:
        return progress.numbers(asked)
    finally:
        close_old_connections()


async def _batch_numbers(asked: Collection[UUID]) -> dict[UUID, int]:
    found: dict[UUID, int] = await _bridge.run(_numbers, asked)
    return found


async def _no_batch(batch_ids: Collection[UUID]) -> set[UUID]:
    """Nobody waits for a batch's end alone: all follow it."""
    return set()


def _cancelled(job_id: UUID) -> None:
    try:
        job = Job.objects.filter(pk=job_id).first()
        if job is not None:
            with audit.unrecorded():
                cancel(job=job, actor="client gone")
    finally:
        close_old_connections()


async def _cancel(job_id: UUID) -> None:
    try:
        await _bridge.run(_cancelled, job_id)
    except Error as error:  # nobody waits for it, that is all
        log.warning("event=not_cancelled job=%s reason=%r", job_id, str(error))


_bridge = Bridge(django, threads=settings.WEB_THREADS)
application = Shell(
    bridge=_bridge,
    waiters=Waiters(url=settings.REDIS_URL, look=_look, transitions=_transitions),
    batch_waiters=Waiters(
        url=settings.REDIS_URL, look=_no_batch, transitions=_batch_numbers, channel=batch_channel
    ),
    live=LiveReader(url=settings.REDIS_URL),
    boards=Boards(look=_board),
    history=_history,
    batch=_batch,
    cancel=_cancel,
    max_body_bytes=settings.MAX_BODY_BYTES,
    max_file_bytes=max(settings.MAX_FILE_BYTES, settings.MAX_BODY_BYTES),
)

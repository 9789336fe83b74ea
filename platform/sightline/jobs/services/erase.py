"""Erase what a job holds. A tombstone stays: that it was, when, and how it ended."""

import logging
from uuid import UUID

from django.db import transaction
from redis import Redis

from sightline.audit import services as audit
from sightline.cache import l1
from sightline.clock import After
from sightline.errors import Conflict
from sightline.events.live import stream_key, wanted_key
from sightline.jobs.models import Attempt, IdempotencyKey, Job, JobEvent, JobMedia, JobTag
from sightline.jobs.services.events import record
from sightline.jobs.status import TERMINAL
from sightline.media import unused
from sightline.near.models import Entry
from sightline.redis_client import RedisAway, call
from sightline.sessions.services import appending as sessions

log = logging.getLogger(__name__)


def erase(*, job: Job, actor: str, reason: str = "") -> None:
    """Delete all that an ended job holds; `Conflict` while it is active. Harmless when it was erased before.

    Input, parameters, metadata, output, its step in a session, what attempts and events quote, the text of its
    streams, its place in the cache, and its images unless something else refers to them.
    """
    with transaction.atomic():
        row = (
            Job.objects.select_for_update()
            .only("status", "erased_at", "cache_key", "run", "session")
            .get(pk=job.pk)
        )
        if row.erased_at is not None:
            return
        if row.status not in TERMINAL:
            raise Conflict("An active job cannot be erased. Cancel it first.")
        Job.objects.filter(pk=job.pk).update(
            input={},
            params={},
            metadata={},
            tags=[],
            images=[],
            webhook_url="",
            output=None,
            error=None,
            cache_key=None,
            erased_at=After(),
        )
        images = list(JobMedia.objects.filter(job_id=job.pk).values_list("media_id", flat=True))
        JobMedia.objects.filter(job_id=job.pk).delete()
        if row.session is not None:
            images += sessions.forget_job(session_id=row.session, job_id=job.pk)
        JobTag.objects.filter(job_id=job.pk).delete()
        Entry.objects.filter(job_id=job.pk).delete()
        JobEvent.objects.filter(job_id=job.pk).delete()
        Attempt.objects.filter(job_id=job.pk).update(message="", frames=None, said=None)
        IdempotencyKey.objects.filter(job_id=job.pk).update(response={"id": job.public_id, "object": "job"})
        record(job_id=job.pk, type="job.erased", run=row.run, actor=actor)
        audit.write(
            actor=actor,
            action="job.erase",
            subject=job.public_id,
            before={"status": row.status, "erased": False},
            after={"erased": True},
            reason=reason,
        )
        fences = list(Attempt.objects.filter(job_id=job.pk).values_list("fence", flat=True))
    if row.cache_key is not None:
        l1.forget(row.cache_key)
    _forget_text(job.pk, fences)
    # After the commit, each under its own lock. What a crash leaves here is found as a forgotten image later.
    unused.erase_unused(media=set(images))


def _forget_text(job_id: UUID, fences: list[int]) -> None:
    """Delete what streams still show; without Redis it goes by itself within minutes."""
    keys = [wanted_key(job_id), *(stream_key(job_id, fence) for fence in fences)]

    def delete(redis: Redis) -> None:
        redis.delete(*keys)

    try:
        call(delete)
    except RedisAway as error:
        log.warning("event=stream_text_kept reason=%r", str(error))

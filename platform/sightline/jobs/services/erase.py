"""Erase what a job holds. A tombstone stays: that it was, when, and how it ended."""

from django.db import transaction

from sightline.cache import l1
from sightline.clock import After
from sightline.errors import Conflict
from sightline.jobs.models import Attempt, IdempotencyKey, Job, JobTag
from sightline.jobs.services.events import record
from sightline.jobs.status import TERMINAL


def erase(*, job: Job, actor: str) -> None:
    """Delete input, parameters, metadata and output of an ended job; `Conflict` while it is active.

    Harmless when it was erased before. What attempts quote of the model's text goes as well, and the cache has its
    answer no more.
    """
    with transaction.atomic():
        key = Job.objects.filter(pk=job.pk).values_list("cache_key", flat=True).first()
        erased = Job.objects.filter(pk=job.pk, status__in=TERMINAL, erased_at=None).update(
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
        if erased:
            JobTag.objects.filter(job_id=job.pk).delete()
            Attempt.objects.filter(job_id=job.pk).update(message="", frames=None)
            IdempotencyKey.objects.filter(job_id=job.pk).update(
                response={"id": job.public_id, "object": "job"}
            )
            record(job_id=job.pk, type="job.erased", run=job.run, actor=actor)
            if key:
                transaction.on_commit(lambda: l1.forget(key))
    if not erased and not Job.objects.filter(pk=job.pk, erased_at__isnull=False).exists():
        raise Conflict("An active job cannot be erased. Cancel it first.")

"""Which hits are answered once more by the engine."""

import random
from uuid import UUID

from django.conf import settings

from sightline.clock import After
from sightline.jobs.models import Job
from sightline.near.models import Check

_chance = random.Random()  # noqa: S311 - a sample, no secret


def draw(*, job: Job, source: UUID) -> bool:
    """Perhaps note a hit to be checked; whether it was. The sweeper does the rest, when the engine has time."""
    if _chance.random() >= settings.NEAR_SAMPLE:
        return False
    Check.objects.create(
        tenant_id=job.tenant_id,
        kind=job.kind,
        model=job.model,
        job=job,
        source=source,
        created_at=After(),
    )
    return True

"""The cache's tier for requests whose pictures are not identical but show the same."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from sightline.cache.values import Found, Wanted
from sightline.clock import After
from sightline.jobs.status import Status
from sightline.media.models import Media
from sightline.near import checks, index, pictures, switch
from sightline.near.models import Entry

if TYPE_CHECKING:
    from sightline.jobs.models import Job

log = logging.getLogger("sightline.near")

MOST_PICTURES = 8
"""Pictures that a request may have to be looked up: each is decoded beside each candidate's."""
MOST_CANDIDATES = 3
"""Candidates whose pixels are compared."""


class Near:
    """See `cache.values.SimilarTier`. Only a request that asked for `near` comes here, whatever its kind."""

    def find(self, wanted: Wanted) -> Found | None:
        """A job with the same prompt that showed the same, or None."""
        if not 0 < len(wanted.pictures) <= MOST_PICTURES or not switch.on(wanted.kind, wanted.model):
            return None
        media = _media(wanted.media)
        if len(media) != len(wanted.media) or (regions := pictures.regions(media[0])) is None:
            return None
        ranked = index.candidates(prompt_key=wanted.prompt_key, regions=regions, most=4 * MOST_CANDIDATES)
        for entry in answered(wanted, ranked)[:MOST_CANDIDATES]:
            if pictures.alike(media, _media([UUID(hex) for hex in entry.media])):
                return _found(entry.job_id)
        return None

    def keep(self, wanted: Wanted, job: Job) -> None:
        """Make the job findable once it has succeeded. Reads what `find` computed: nothing is decoded here."""
        if not 0 < len(wanted.pictures) <= MOST_PICTURES:
            return
        regions = pictures.known(wanted.media[0])
        if regions is not None:
            index.add(job=job, prompt_key=wanted.prompt_key, media=wanted.media, regions=regions)

    def served(self, wanted: Wanted, found: Found, job: Job) -> None:
        """A hit was given away: perhaps it is one of those that are checked."""
        log.info("event=near_hit job=%s source=%s kind=%s", job.public_id, found.source, wanted.kind)
        checks.draw(job=job, source=found.source)


def _media(ids: Sequence[UUID]) -> list[Media]:
    rows = Media.objects.in_bulk(ids)
    return [rows[id] for id in ids if id in rows]


def answered(wanted: Wanted, ranked: Sequence[int]) -> list[Entry]:
    """The candidates that have an answer young enough, in order. The key is compared, not only its digest."""
    found = (
        Entry.objects.only("media", "job_id")
        .filter(
            pk__in=ranked,
            prompt_key=wanted.prompt_key,
            job__status=Status.SUCCEEDED,
            job__cache_key__isnull=False,
            job__ended_at__gte=After(-wanted.ttl_s),
        )
        .in_bulk()
    )
    return [found[id] for id in ranked if id in found]


def _found(job_id: UUID) -> Found | None:
    """The answer of a job; None when it was erased, or another took its place, since it was chosen."""
    from sightline.jobs.models import Job  # here: the jobs' services look things up in the cache

    wanted = ("cache_key", "output", "finish_reason", "ended_at")
    job = Job.objects.only(*wanted).filter(pk=job_id, status=Status.SUCCEEDED).first()
    if job is None or job.cache_key is None or job.ended_at is None or job.output is None:
        return None
    return Found(
        tier="near",
        source=job.pk,
        key=job.cache_key,
        output=job.output,
        finish_reason=job.finish_reason,
        ended_at=job.ended_at,
        served_from="near",
    )

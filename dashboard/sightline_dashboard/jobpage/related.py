"""Other jobs that have to do with one: what it came from, what came of it, what had its images or its failure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Q, Subquery

from sightline.jobs.models import Attempt, Job, JobMedia
from sightline.responses.models import Response

SHOWN = 8


@dataclass(frozen=True, kw_only=True)
class Group:
    """Jobs that are related in one way, the newest first."""

    title: str
    jobs: list[Job]


@dataclass(frozen=True, kw_only=True)
class Related:
    """What the panel shows."""

    groups: list[Group]
    causes: list[str]
    """Fingerprints of its failed attempts, the latest first."""
    original: Job | None
    """The job that this one was made from, if it is still there."""

    @property
    def anything(self) -> bool:
        return bool(self.groups or self.causes)


def related(job: Job, *, fingerprints: list[str]) -> Related:
    """Six queries at most, each over an index and of a bounded number of rows."""
    causes = list(dict.fromkeys(mark for mark in fingerprints if mark))
    found: list[tuple[str, Sequence[UUID]]] = [
        ("Replay of", [job.replay_of] if job.replay_of else []),
        ("Answer of", [job.source] if job.source else []),
        ("Its replays", _replays(job)),
        ("Of the same session", _session(job)),
        ("Failed alike", _failed_alike(job, causes)),
        ("With the same image", _same_image(job)),
    ]
    wanted = {pk for _, pks in found for pk in pks}
    rows = Job.objects.filter(pk__in=wanted).only(
        "id", "kind", "model", "status", "created_at", "tenant_id", "replay_of"
    )
    jobs = {row.pk: row for row in rows} if wanted else {}
    groups = [
        Group(title=title, jobs=[jobs[pk] for pk in pks if pk in jobs])
        for title, pks in found
        if any(pk in jobs for pk in pks)
    ]
    return Related(
        groups=groups,
        causes=causes,
        original=jobs.get(job.replay_of) if job.replay_of else None,
    )


def _replays(job: Job) -> list[UUID]:
    made = Job.objects.filter(replay_of=job.pk, shadow=False).order_by("-id")
    return list(made.values_list("pk", flat=True)[:SHOWN])


def _session(job: Job) -> list[UUID]:
    """The jobs that go on from the same session; of a response the one that it follows and those that follow it."""
    if job.session is not None:
        others = Job.objects.filter(session=job.session, shadow=False).exclude(pk=job.pk).order_by("-id")
        return list(others.values_list("pk", flat=True)[:SHOWN])
    if job.kind != "chat":
        return []
    rows = Response.objects.filter(Q(pk=job.pk) | Q(previous=job.pk)).values_list("job_id", "previous")
    pairs = (previous if own == job.pk else own for own, previous in rows[: SHOWN + 1])
    return sorted({other for other in pairs if other is not None}, reverse=True)


def _failed_alike(job: Job, causes: list[str]) -> list[UUID]:
    if not causes:
        return []
    # Of the latest cause: earlier attempts may have failed for others. An attempt more than jobs are shown for
    # each of its own, since one job fails the same way several times.
    rows = Attempt.objects.filter(fingerprint=causes[0]).exclude(job_id=job.pk).order_by("-id")
    return _first(rows.values_list("job_id", flat=True)[: 4 * SHOWN])


def _same_image(job: Job) -> list[UUID]:
    """Of its first image: of several at once, a database would sort all rows of each."""
    first = JobMedia.objects.filter(job=job).order_by("media_id").values_list("media_id", flat=True)[:1]
    rows = JobMedia.objects.filter(media_id=Subquery(first)).exclude(job=job).order_by("-id")
    return _first(rows.values_list("job_id", flat=True)[: 2 * SHOWN])


def _first(pks: Iterable[UUID]) -> list[UUID]:
    return list(dict.fromkeys(pks))[:SHOWN]

"""The two moments at which a job and its session meet: it takes the session's one place, and adds what it brought.

One job at a time goes on from a session. It holds the place for as long as it is active, so there is nothing to give
back when it fails, expires or is cancelled; its success adds a step in the very transaction that ends it.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db import transaction

from sightline.clock import After
from sightline.jobs.models import Job
from sightline.kinds.images import bound_media
from sightline.media.models import Media
from sightline.sessions.forms import Json
from sightline.sessions.models import Session, Step, StepMedia
from sightline.sessions.registry import FORMS
from sightline.sessions.services.places import lock
from sightline.sessions.values import Seen, StaleVersion


def seen(session: Any, version: int, inherited: int) -> Seen:
    """What a job saw, from the columns of its row as the database gives them."""
    key = session if isinstance(session, UUID) else UUID(session)
    return Seen(session_id=key, version=version, inherited=inherited)


def occupy(*, seen: Seen, job_id: UUID) -> None:
    """Give the session's place to a job that is being accepted or retried, in the transaction that does it.

    Raises StaleVersion when the session changed since the job saw it, SessionBusy while another job goes on from it.
    """
    session = lock(session_id=seen.session_id, but=job_id)
    if session.version != seen.version:
        raise StaleVersion(named=seen.version, version=session.version)
    Session.objects.filter(pk=session.pk).update(job_id=job_id, used_at=After())


def append(*, seen: Seen, job_id: UUID, input: Mapping[str, Any], output: Mapping[str, Any]) -> None:
    """Add what a job asked and was answered; call it in the transaction of its success.

    Nothing is added to a session that was erased, or whose place the job does not hold.
    """
    session = Session.objects.select_for_update().filter(pk=seen.session_id, erased_at=None).first()
    if session is None or session.job_id != job_id:
        return
    form = FORMS[session.kind]
    entries = form.added(input=input, inherited=seen.inherited, output=output)
    _add(session, entries, job_id=job_id, seen=seen.version, done=form.done(output))


def append_of(job: Job, *, output: Mapping[str, Any]) -> None:
    """`append` for a job that got its answer from another one or from the cache; harmless without a session."""
    if job.session is not None:
        told = seen(job.session, job.session_version or 0, job.session_inherited or 0)
        append(seen=told, job_id=job.pk, input=job.input, output=output)


def add(*, session: Session, entries: Sequence[Json], version: int | None) -> Step:
    """A step by hand: what its owner said or did without a job. Raises StaleVersion, SessionBusy."""
    with transaction.atomic():
        row = lock(session_id=session.pk, version=version)
        return _add(row, entries, job_id=None, seen=row.version, done="")


def _add(session: Session, entries: Sequence[Json], *, job_id: UUID | None, seen: int, done: str) -> Step:
    weight = FORMS[session.kind].weigh(entries)
    step = Step.objects.create(
        session=session,
        number=session.version + 1,
        job_id=job_id,
        seen=seen,
        entries=list(entries),
        tokens=weight.tokens,
        images=weight.images,
        created_at=After(),
    )
    digests = {item["sha256"] for item in bound_media(list(entries))}
    if digests:
        kept = Media.objects.filter(tenant_id=session.tenant_id, sha256__in=digests).values_list(
            "pk", flat=True
        )
        StepMedia.objects.bulk_create([StepMedia(step=step, media_id=pk) for pk in kept])
    Session.objects.filter(pk=session.pk).update(version=step.number, done=done, used_at=After())
    return step


def forget_job(*, session_id: UUID, job_id: UUID) -> list[UUID]:
    """An erased job leaves the history as well, in the transaction that erases it; the images that it named there."""
    session = Session.objects.select_for_update().filter(pk=session_id).first()
    step = Step.objects.filter(job_id=job_id).first()
    if session is None or step is None:
        return []
    images = list(step.media_rows.values_list("media_id", flat=True))
    step.delete()
    Session.objects.filter(pk=session.pk).update(version=session.version + 1)
    return images

"""Make a session, change it, take steps back, erase it."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.conf import settings
from django.db import transaction

from sightline.audit import services as audit
from sightline.clock import After
from sightline.errors import Conflict, NotFound
from sightline.jobs.models import Job
from sightline.jobs.services.erase import erase as erase_job
from sightline.jobs.status import TERMINAL
from sightline.media import unused
from sightline.sessions.forms import Json
from sightline.sessions.models import Session, StepMedia
from sightline.sessions.services.appending import add
from sightline.sessions.services.places import lock
from sightline.tenants.models import Tenant


def create(
    *,
    tenant: Tenant,
    kind: str,
    system: str = "",
    metadata: Mapping[str, Any] | None = None,
    retention_s: int | None = None,
    entries: Sequence[Json] = (),
) -> Session:
    """A session; one with `entries` begins with them as its first step."""
    with transaction.atomic():
        session = Session.objects.create(
            tenant=tenant,
            kind=kind,
            system=system,
            metadata=dict(metadata or {}),
            retention_s=retention_s or settings.RETENTION_S,
            created_at=After(),
            used_at=After(),
        )
        if entries:
            add(session=session, entries=entries, version=0)
    session.refresh_from_db()
    return session


def change(*, session: Session, version: int | None, **values: Any) -> Session:
    """Set system, metadata or retention_s; a new version. Raises StaleVersion, SessionBusy."""
    with transaction.atomic():
        row = lock(session_id=session.pk, version=version)
        Session.objects.filter(pk=row.pk).update(version=row.version + 1, used_at=After(), **values)
    session.refresh_from_db()
    return session


def rewind(*, session: Session, number: int, version: int | None) -> Session:
    """Take back the step with this number and all that came after it. Raises NotFound, StaleVersion, SessionBusy."""
    with transaction.atomic():
        row = lock(session_id=session.pk, version=version)
        if not row.steps.filter(number=number).exists():
            raise NotFound(f"The session has no step {number}.")
        images = set(
            StepMedia.objects.filter(step__session=row, step__number__gte=number).values_list(
                "media_id", flat=True
            )
        )
        row.steps.filter(number__gte=number).delete()
        Session.objects.filter(pk=row.pk).update(version=row.version + 1, done="", used_at=After())
    unused.erase_unused(media=images)
    session.refresh_from_db()
    return session


def erase(*, session: Session, actor: str) -> None:
    """Erase the history, and input and output of its jobs, which hold copies of it; a tombstone stays.

    Raises SessionBusy while a job goes on from it. Called once more, it goes on where it was cut off.
    """
    with transaction.atomic():
        if Session.objects.filter(pk=session.pk, erased_at=None).exists():
            row = lock(session_id=session.pk)
            images = set(StepMedia.objects.filter(step__session=row).values_list("media_id", flat=True))
            row.steps.all().delete()
            Session.objects.filter(pk=row.pk).update(
                system="", metadata={}, done="", version=row.version + 1, erased_at=After()
            )
            audit.write(
                actor=actor,
                action="session.erase",
                subject=row.public_id,
                before={"version": row.version, "erased": False},
                after={"erased": True},
            )
        else:
            images = set()
    # Each in a transaction of its own: an erased job's row is locked before its session's, here as everywhere.
    for job in Job.objects.filter(session=session.pk, erased_at=None, status__in=TERMINAL).order_by("id"):
        with audit.unrecorded():  # part of the session's erasure
            erase_job(job=job, actor=actor)
    if Job.objects.filter(session=session.pk, erased_at=None).exists():
        raise Conflict("A job of this session was run again meanwhile. Cancel it first.")
    unused.erase_unused(media=images)

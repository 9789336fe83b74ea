"""A session locked for a change."""

from uuid import UUID

from sightline import ids
from sightline.jobs.models import Job
from sightline.jobs.status import ACTIVE
from sightline.sessions.models import Session
from sightline.sessions.values import SessionBusy, SessionErased, StaleVersion


def lock(*, session_id: UUID, version: int | None = None, but: UUID | None = None) -> Session:
    """The session's row, locked, for as long as no job goes on from it. Call it inside a transaction.

    `but` is a job that may be active: the one that is about to go on. Raises StaleVersion when `version` is not the
    session's, SessionBusy while another job is active, SessionErased.
    """
    session = Session.objects.select_for_update().filter(pk=session_id).first()
    if session is None or session.erased_at is not None:
        raise SessionErased
    if version is not None and version != session.version:
        raise StaleVersion(named=version, version=session.version)
    # A second statement: it sees what whoever held the lock before has committed.
    other = session.job_id if session.job_id != but else None
    if other is not None and Job.objects.filter(pk=other, status__in=ACTIVE).exists():
        raise SessionBusy(ids.encode(ids.JOB, other))
    return session

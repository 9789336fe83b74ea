"""Keep what a process holds: one statement renews all its leases and tells which ones it still has."""

from collections.abc import Collection
from uuid import UUID

from django.conf import settings
from django.db import connection

from sightline import clock
from sightline.jobs.models import Job
from sightline.jobs.status import Status


def renew(*, worker: str, job_ids: Collection[UUID]) -> dict[UUID, int]:
    """Renew the leases of these running jobs of the worker; the fences that are still valid, by job."""
    if not job_ids:
        return {}
    sqlite = connection.vendor == "sqlite"
    marks = ", ".join(["%s"] * len(job_ids))
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE jobs_job SET lease_until = {clock.after_sql()}"  # noqa: S608
            f" WHERE status = 'running' AND worker = %s AND id IN ({marks}) RETURNING id, fence",
            [clock.after_param(settings.LEASE_S), worker, *(i.hex if sqlite else str(i) for i in job_ids)],
        )
        return {i if isinstance(i, UUID) else UUID(i): fence for i, fence in cursor.fetchall()}


def held(*, worker: str, job_ids: Collection[UUID]) -> dict[UUID, int]:
    """The same without writing: which claims of the worker are still valid."""
    rows = Job.objects.filter(pk__in=job_ids, status=Status.RUNNING, worker=worker)
    return dict(rows.values_list("pk", "fence"))

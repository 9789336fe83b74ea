"""Take the next job of a queue: one statement picks and marks it, so that nobody else can have it."""

import json
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction

from sightline import clock
from sightline.celery import is_probation
from sightline.database import statements
from sightline.fleet.models import Intake
from sightline.jobs.claims import Claim, Claimant
from sightline.jobs.models import Attempt
from sightline.jobs.services import followers
from sightline.jobs.services.events import record
from sightline.telemetry import lifecycle

_COLUMNS = (
    "id, tenant_id, kind, model, queue, input, params, run, tries, crashes, solo_kills, max_attempts, suspect,"
    " fence, created_at, claimed_at, deadline_at, announced, webhook_url, followed"
)

_FOLLOWED = -1
"""Where `followed` stands in them."""

# The one definition of *claimable*; the sweeper counts with the same text. It takes the queue's name twice: asked
# of the outer row, the pause would be looked up per row and could cost the plan its index order.
_CLAIMABLE = (
    "queue = %s AND status = 'queued' AND parked_until IS NULL"
    " AND NOT EXISTS (SELECT 1 FROM fleet_queue q WHERE q.name = %s AND q.paused_at IS NOT NULL)"
)
# Suspects of all kinds wait in one queue: the pause of a kind is asked of each row, of which there are few.
_KIND_NOT_PAUSED = (
    " AND NOT EXISTS (SELECT 1 FROM fleet_queue p WHERE p.paused_at IS NOT NULL AND p.name ="
    " CASE jobs_job.seats WHEN '' THEN jobs_job.kind ELSE jobs_job.seats END || '.' || jobs_job.model)"
)


def claimable(queue: str) -> tuple[str, list[str]]:
    """The condition on `jobs_job` that makes a job of the queue claimable, and its parameters."""
    return _CLAIMABLE + (_KIND_NOT_PAUSED if is_probation(queue) else ""), [queue, queue]


def claim(*, queue: str, claimant: Claimant, celery_task_id: str = "") -> Claim | None:
    """The claimable job with the lowest turn, now running under a new fence; None: the wake-up was surplus.

    A claimant of a group claims only while its group's intake is open; from a probation queue only while the
    intake is `probation` and nothing else is aboard the group.
    """
    with transaction.atomic():
        row = _take(queue, claimant)
        if row is None:
            return None
        taken = _claim(row, claimant)
        statements.insert(
            Attempt(
                job_id=taken.job_id,
                run=taken.run,
                fence=taken.fence,
                worker=claimant.worker,
                group=claimant.group,
                engine=claimant.engine,
                celery_task_id=celery_task_id,
                started_at=taken.claimed_at,
            )
        )
        record(job_id=taken.job_id, type="job.started", run=taken.run, actor=claimant.worker)
        if row[_FOLLOWED]:
            followers.hear_claimed(leader=taken.job_id, fence=taken.fence)
    lifecycle.started(taken, worker=claimant.worker)
    return taken


def _take(queue: str, claimant: Claimant) -> tuple[Any, ...] | None:
    postgres = connection.vendor == "postgresql"
    conditions, params = claimable(queue)
    with connection.cursor() as cursor:
        if claimant.group:
            alone = is_probation(queue)
            if alone and postgres:
                # Two threads must not both find the group empty; SQLite's IMMEDIATE serialises them anyway.
                cursor.execute("SELECT 1 FROM fleet_group WHERE id = %s FOR UPDATE", [claimant.group])
            serving = "SELECT 1 FROM fleet_group g WHERE g.id = %s AND g.intake = %s AND g.drained_at IS NULL"
            conditions += f" AND EXISTS ({serving})"
            params += [claimant.group, Intake.PROBATION if alone else Intake.OPEN]
            if alone:
                aboard = "SELECT 1 FROM jobs_job r WHERE r.status = 'running' AND r.\"group\" = %s"
                conditions += f" AND NOT EXISTS ({aboard})"
                params += [claimant.group]
        now, lock = clock.after_sql(), " FOR UPDATE OF jobs_job SKIP LOCKED" if postgres else ""
        cursor.execute(
            f"UPDATE jobs_job SET status = 'running', run = run + 1, fence = fence + 1, worker = %s,"  # noqa: S608
            f' "group" = %s, claimed_at = {now}, lease_until = {now}'
            f" WHERE id = (SELECT id FROM jobs_job WHERE {conditions} ORDER BY turn, id LIMIT 1{lock})"
            f" RETURNING {_COLUMNS}",
            [
                claimant.worker,
                claimant.group,
                clock.after_param(),
                clock.after_param(settings.LEASE_S),
                *params,
            ],
        )
        rows = cursor.fetchall()
    return rows[0] if rows else None


def _claim(row: tuple[Any, ...], claimant: Claimant) -> Claim:
    values = dict(zip(_COLUMNS.replace(",", "").split(), row, strict=True))
    created, claimed = clock.parse(values["created_at"]), clock.parse(values["claimed_at"])
    deadline = clock.parse(values["deadline_at"]) if values["deadline_at"] is not None else None
    return Claim(
        job_id=_uuid(values["id"]),
        tenant_id=_uuid(values["tenant_id"]),
        input=_json(values["input"]),
        params=_json(values["params"]),
        suspect=bool(values["suspect"]),
        announced=bool(values["announced"]),
        created_at=created,
        claimed_at=claimed,
        deadline_in_s=(deadline - claimed).total_seconds() if deadline else None,
        group=claimant.group,
        **{
            name: values[name]
            for name in (
                "kind",
                "model",
                "queue",
                "run",
                "tries",
                "crashes",
                "solo_kills",
                "max_attempts",
                "fence",
                "webhook_url",
            )
        },
    )


def _uuid(value: Any) -> UUID:
    return value if isinstance(value, UUID) else UUID(value)


def _json(value: Any) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(value) if isinstance(value, str) else value
    return parsed

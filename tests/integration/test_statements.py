"""The prepared statements write and read what the ORM does."""

import uuid

import pytest
from django.db import IntegrityError, connection
from django.forms.models import model_to_dict
from django.test.utils import CaptureQueriesContext

from sightline import ids
from sightline.clock import After
from sightline.database import statements
from sightline.jobs.models import Attempt, Job, JobEvent
from sightline.jobs.status import AttemptOutcome, Status
from sightline.tenants import keys
from sightline.tenants.models import ApiKey, Tenant

pytestmark = pytest.mark.django_db


def new_job(**changes: object) -> Job:
    tenant, _ = Tenant.objects.get_or_create(name="t")
    given = {"kind": "chat", "model": "m", "queue": "q", "turn": 7, "retention_s": 60}
    texts = {"input": {"text": 'é"\\u0001\n', "n": [1, None, 1.5]}, "params": {}, "tags": ["a"]}
    return Job(tenant=tenant, created_at=After(), **{**given, **texts, **changes})


def test_a_row_is_what_the_orm_would_have_written() -> None:
    ours, theirs = new_job(), new_job()
    statements.insert(ours)
    theirs.save(force_insert=True)
    shown = [model_to_dict(Job.objects.get(pk=job.pk), exclude=["created_at"]) for job in (ours, theirs)]
    assert shown[0] == shown[1]
    assert not ours._state.adding


def test_a_row_is_read_as_the_orm_reads_it() -> None:
    job = new_job(output={"a": [1]}, ended_at=After(), suspect=True)
    statements.insert(job)
    ours, theirs = statements.first(Job, id=job.pk), Job.objects.get(pk=job.pk)
    assert ours is not None
    for field in Job._meta.concrete_fields:
        mine, value = getattr(ours, field.attname), getattr(theirs, field.attname)
        assert (type(mine), mine) == (type(value), value), field.name


def test_the_related_row_and_the_databases_time_come_along() -> None:
    made, _ = keys.create(tenant="t", name="k")
    with CaptureQueriesContext(connection) as queries:
        found = statements.first(ApiKey, related="tenant", now=True, id=made.pk)
        assert found is not None
        assert found.tenant.name == "t"
    assert len(queries) == 1
    assert abs((found.now - made.created_at).total_seconds()) < 60  # type: ignore[attr-defined]


def test_a_foreign_key_without_a_row_behind_it_is_none() -> None:
    job = new_job()
    statements.insert(job)
    found = statements.first(Job, related="api_key", id=job.pk)
    assert found is not None
    assert found.api_key is None


def test_several_rows_come_in_the_order_of_a_column() -> None:
    job = new_job()
    statements.insert(job)
    for run in (2, 1):
        statements.insert(Attempt(job_id=job.pk, run=run, fence=run, started_at=After()))
    found = statements.rows(Attempt, order="run", job_id=job.pk)
    assert found == list(job.attempts.all())
    assert [attempt.run for attempt in found] == [1, 2]
    assert statements.rows(Attempt, order="run", job_id=ids.new_id()) == []


def test_nothing_found_is_none() -> None:
    assert statements.first(Job, id=ids.new_id()) is None


def test_an_update_changes_only_rows_that_meet_every_condition() -> None:
    job = new_job(status=Status.RUNNING, fence=3)
    statements.insert(job)
    running = {"id": job.pk, "status": Status.RUNNING}
    assert statements.update(Job, where={**running, "fence": 2}, suspect=True) == 0
    changes = {"status": Status.SUCCEEDED, "output": {"x": 1}, "lease_until": None, "ended_at": After()}
    assert statements.update(Job, where={**running, "fence": 3}, **changes) == 1
    job.refresh_from_db()
    assert (job.status, job.output, job.lease_until, job.suspect) == (Status.SUCCEEDED, {"x": 1}, None, False)
    assert job.ended_at is not None


def test_an_automatic_key_is_left_to_the_database() -> None:
    job = new_job()
    statements.insert(job)
    for run in (1, 2):
        statements.insert(JobEvent(job_id=job.pk, type="job.queued", run=run, at=After()))
    assert [event.run for event in job.events.all()] == [1, 2]


def test_the_databases_constraints_hold() -> None:
    job = new_job()
    statements.insert(job)
    attempt = {"job_id": job.pk, "run": 1, "fence": 1, "started_at": After()}
    statements.insert(Attempt(**attempt))
    assert job.attempts.get().outcome == Attempt(**attempt).outcome != AttemptOutcome.SUCCEEDED
    with pytest.raises(IntegrityError):
        statements.insert(Attempt(**attempt))


def test_a_uuid_may_be_given_as_text() -> None:
    job = new_job()
    statements.insert(job)
    assert statements.update(Job, where={"id": str(job.pk)}, suspect=True) == 1
    assert isinstance(job.pk, uuid.UUID)

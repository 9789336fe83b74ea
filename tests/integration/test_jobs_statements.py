"""How many statements the hot path costs, and that the database finds the next job in an index."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from sightline.clock import After
from sightline.jobs import turns
from sightline.jobs.models import Job, JobEvent
from sightline.jobs.services import sweep
from sightline.jobs.services.cancel import cancel
from sightline.jobs.services.renew import renew
from sightline.jobs.status import AttemptOutcome, Status

OCR = "ocr.default"


def statements(verb: Callable[[], Any]) -> list[str]:
    """What `verb` sends to the database, BEGIN and COMMIT apart."""
    with CaptureQueriesContext(connection) as captured:
        verb()
    found = [query["sql"] for query in captured.captured_queries]
    return [sql for sql in found if sql.split()[0] not in ("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE")]


def test_a_submit_takes_a_turn_and_writes_two_rows(domain: Any) -> None:
    tenant = domain.tenant()
    found = statements(lambda: domain.submit(tenant=tenant))
    assert [sql.split()[0] for sql in found] == ["INSERT", "INSERT", "INSERT"]


def test_a_claim_moves_one_row_and_writes_two(domain: Any) -> None:
    domain.submit()
    assert len(statements(domain.claimed)) == 3
    assert len(statements(domain.claim)) == 1


def test_a_finish_moves_two_rows_and_writes_one(domain: Any) -> None:
    domain.submit()
    taken = domain.claimed()
    assert len(statements(lambda: domain.finish(taken))) == 3
    assert len(statements(lambda: domain.finish(taken))) == 1


def test_a_failure_and_a_cancel_cost_as_little(domain: Any) -> None:
    job = domain.submit()
    taken = domain.claimed()
    assert len(statements(lambda: domain.fail(taken, AttemptOutcome.TRANSIENT))) == 4
    assert len(statements(lambda: cancel(job=job, actor="key:1"))) == 4, "the audit's record is one"


def test_a_heartbeat_is_one_statement_for_all_leases(domain: Any) -> None:
    ids = [domain.submit().pk for _ in range(20)]
    for _ in ids:
        domain.claimed()
    assert len(statements(lambda: renew(worker="worker-1", job_ids=ids))) == 1


@pytest.fixture
def crowded(domain: Any) -> Any:
    """Thousands of jobs of several tenants in every state, and what the database knows about them."""
    tenants = [domain.tenant(f"tenant-{number}") for number in range(5)]
    first = domain.submit(tenant=tenants[0])
    fields = {
        field.attname: getattr(first, field.attname)
        for field in Job._meta.concrete_fields
        if field.attname != "id"
    }
    states: list[dict[str, Any]] = [
        {"status": Status.QUEUED},
        {"status": Status.QUEUED, "queue": "gui.default", "kind": "gui"},
        {"status": Status.QUEUED, "parked_until": After(3600)},
        {"status": Status.QUEUED, "deadline_at": After(3600)},
        {"status": Status.RUNNING, "lease_until": After(3600), "group": "gpu0@host", "run": 1},
        {"status": Status.SUCCEEDED, "ended_at": After(-60), "run": 1},
        {"status": Status.SUCCEEDED, "ended_at": After(-60), "run": 1},
        {"status": Status.FAILED, "ended_at": After(-60), "run": 1},
    ]
    Job.objects.bulk_create(
        [
            Job(**{**fields, **states[n % len(states)], "tenant_id": tenants[n % 5].pk, "turn": 1000 + n})
            for n in range(3200)
        ],
        batch_size=500,
    )
    JobEvent.objects.all().delete()
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return domain


def plan(sql: str) -> str:
    explain = "EXPLAIN QUERY PLAN " if connection.vendor == "sqlite" else "EXPLAIN "
    with connection.cursor() as cursor:
        cursor.execute(explain + sql.replace("%", "%%"), [])
        return "\n".join(" ".join(str(cell) for cell in row) for row in cursor.fetchall())


def assert_indexed(sql: str, index: str) -> None:
    found = plan(sql)
    assert index in found, found
    assert "Sort" not in found, found
    assert "TEMP B-TREE" not in found, found


def test_the_claim_reads_the_head_of_its_index(crowded: Any) -> None:
    (sql, *_) = statements(crowded.claimed)
    assert sql.startswith("UPDATE jobs_job")
    assert_indexed(sql, "job_claimable")


def test_the_turn_reads_the_head_of_two_indexes(crowded: Any) -> None:
    tenant = crowded.tenant("tenant-1")
    (sql,) = statements(lambda: turns.take(tenant_id=tenant.pk, queue=OCR, cost=1, weight=1))
    found = plan(sql)
    assert "job_claimable" in found, found
    assert "Seq Scan on jobs_job" not in found, found
    assert "SCAN jobs_job\n" not in found, found


def test_the_top_up_counts_in_the_index(crowded: Any) -> None:
    (sql,) = statements(lambda: sweep.claimable(queue=OCR, most=300))
    assert_indexed(sql, "job_claimable")


@pytest.mark.parametrize(
    ("verb", "index"),
    [
        (sweep.reclaim_lapsed, "job_lease"),
        (sweep.unpark_due, "job_parked"),
        (sweep.expire_deadlines, "job_deadline"),
    ],
)
def test_the_sweeps_look_ups_use_their_indexes(crowded: Any, verb: Callable[[], int], index: str) -> None:
    (sql, *_) = statements(verb)
    assert_indexed(sql, index)

"""Who is next: one number, decided at submit."""

from typing import Any

from sightline.jobs.models import Job, Turn
from sightline.jobs.services import sweep
from sightline.jobs.services.cancel import cancel
from sightline.jobs.services.retry import retry
from sightline.jobs.status import AttemptOutcome

OCR, GUI = "ocr.default", "gui.default"


def order(domain: Any, count: int, queue: str = OCR) -> list[str]:
    """Names of the tenants of the next `count` claims."""
    names = {tenant.pk: tenant.name for tenant in (domain.tenant("big"), domain.tenant("small"))}
    return [names[domain.claimed(queue).tenant_id] for _ in range(count)]


def test_jobs_of_one_tenant_run_in_the_order_in_which_they_came(domain: Any) -> None:
    jobs = [domain.submit() for _ in range(5)]
    assert [domain.claimed().job_id for _ in jobs] == [job.pk for job in jobs]
    assert domain.claim() is None


def test_a_queue_gives_only_its_own_jobs(domain: Any) -> None:
    domain.submit(kind="ocr")
    gui = domain.submit(kind="gui")
    assert domain.claimed(GUI).job_id == gui.pk
    assert domain.claim(GUI) is None
    assert domain.claim("ocr.other-model") is None


def test_a_small_tenant_interleaves_with_a_big_ones_backlog(domain: Any) -> None:
    big, small = domain.tenant("big"), domain.tenant("small")
    for _ in range(200):
        domain.submit(tenant=big)
    for _ in range(10):
        domain.submit(tenant=small)
    first = order(domain, 22)
    assert first.count("small") == 10
    for i in range(0, 20, 2):
        assert first[i : i + 4].count("small") >= 1


def test_a_tenant_that_comes_late_starts_at_the_head_not_in_the_past(domain: Any) -> None:
    big, small = domain.tenant("big"), domain.tenant("small")
    for _ in range(50):
        domain.submit(tenant=big)
    for _ in range(40):
        domain.finish(domain.claimed())
    for _ in range(20):
        domain.submit(tenant=small)
    assert 4 <= order(domain, 10).count("small") <= 6


def test_an_idle_tenant_saves_nothing_up(domain: Any) -> None:
    big, small = domain.tenant("big"), domain.tenant("small")
    domain.submit(tenant=small)
    domain.finish(domain.claimed())
    for _ in range(30):
        domain.submit(tenant=big)
        domain.finish(domain.claimed())
    for _ in range(10):
        domain.submit(tenant=small)
    for _ in range(10):
        domain.submit(tenant=big)
    assert 4 <= order(domain, 10).count("small") <= 6


def test_a_tenant_of_weight_three_gets_three_quarters(domain: Any) -> None:
    big, small = domain.tenant("big", weight=3), domain.tenant("small", weight=1)
    for _ in range(60):
        domain.submit(tenant=big)
        domain.submit(tenant=small)
    assert 28 <= order(domain, 40).count("big") <= 32


def test_a_costly_job_takes_the_share_of_many_cheap_ones(domain: Any) -> None:
    big, small = domain.tenant("big"), domain.tenant("small")
    for _ in range(10):
        domain.submit(tenant=big, cost=10)
    for _ in range(60):
        domain.submit(tenant=small, cost=1)
    assert 3 <= order(domain, 44).count("big") <= 5


def test_a_job_in_backoff_keeps_its_turn(domain: Any) -> None:
    first, second = domain.submit(), domain.submit()
    domain.fail(domain.claimed(), AttemptOutcome.TRANSIENT)
    domain.unpark(first)
    sweep.unpark_due()
    assert [domain.claimed().job_id for _ in range(2)] == [first.pk, second.pk]


def test_a_retried_job_queues_up_behind_what_its_tenant_submitted_meanwhile(domain: Any) -> None:
    job = domain.submit()
    cancel(job=job, actor="test")
    later = domain.submit()
    job.refresh_from_db()
    retry(job=job, actor="test")
    assert [domain.claimed().job_id for _ in range(2)] == [later.pk, job.pk]


def test_every_tenant_has_one_row_a_queue(domain: Any) -> None:
    for _ in range(3):
        domain.submit(kind="ocr")
        domain.submit(kind="gui")
    assert Turn.objects.count() == 2
    turns = list(Job.objects.filter(kind="ocr").order_by("id").values_list("turn", flat=True))
    assert turns == [1000, 2000, 3000]


def test_ten_jobs_are_claimed_among_the_first_two_dozen_of_ten_thousand(domain: Any) -> None:
    from django.db import transaction

    from sightline.jobs.services.submit_many import submit_many

    big, small = domain.tenant("big"), domain.tenant("small")
    with transaction.atomic():
        submit_many(submissions=[domain.submission(tenant=big)] * 10_000)
    for _ in range(10):
        domain.submit(tenant=small)
    assert order(domain, 24).count("small") == 10

"""No page of the admin asks more than fifteen queries, and none asks more when there are more rows."""

import random
from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from django.contrib import admin
from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import NoReverseMatch, reverse

from sightline.jobs.models import Job
from sightline.jobs.status import Status
from sightline.triage import bulk
from sightline.triage.suggestions import QUALIFIERS
from sightline_dashboard.home.database_time import database_now
from sightline_dashboard.seeding import many

pytestmark = pytest.mark.django_db(transaction=True)

MOST_QUERIES = 15
SEARCHES = (
    "status:failed",
    'kind:ocr error:"queue is full" gpu:0 tenant:acme',
    "tag:nightly created:>2h run:>1",
    "-status:succeeded worker:ocr-gpu0@node1",
)


def addresses() -> Iterator[str]:
    """Every list, the first row's page and the form of a new row of every model; and the pages beside them."""
    yield reverse("admin:index")
    yield reverse("admin:jobs_job_stuck")
    yield reverse("admin:fleet_minute_charts", args=["hour"])
    yield reverse("admin:fleet_minute_charts", args=["day"])
    yield from (f"{reverse('admin:triage_cause_changelist')}?view={view}" for view in ("muted", "all"))
    for search in SEARCHES:
        yield f"{reverse('admin:jobs_job_changelist')}?{urlencode({'q': search})}"
    yield from (f"{reverse('admin:jobs_job_suggest')}?q={name}:" for name in QUALIFIERS)
    for model in admin.site._registry:
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        yield reverse(f"{name}_changelist")
        first = model._default_manager.order_by("pk").first()
        if first is not None:
            yield reverse(
                f"{name}_change", args=[getattr(first, "public_id", first.pk) if model is Job else first.pk]
            )
        try:
            yield reverse(f"{name}_add")
        except NoReverseMatch:
            continue


def counted(client: Client, places: Iterable[str]) -> dict[str, int]:
    found = {}
    for address in places:
        ContentType.objects.clear_cache()
        with CaptureQueriesContext(connection) as queries:
            answer = client.get(address)
        if answer.status_code == 403:  # a form of a new row, where none is added by hand
            continue
        assert answer.status_code == 200, address
        found[address] = len(queries)
    return found


def test_no_page_asks_more_when_there_are_more_rows(
    operator: Client, everything: list[Job], redis_url: str
) -> None:
    bulk.freeze(action="erase", search="status:succeeded", actor="admin:ada")
    Job.objects.filter(status=Status.RUNNING).update(claimed_at=database_now() - timedelta(hours=1))
    places = list(addresses())
    few = counted(operator, places)
    assert {address: number for address, number in few.items() if number > MOST_QUERIES} == {}
    many.multiply(more=200, now=database_now(), dice=random.Random(1))
    assert Job.objects.count() > 200
    more = counted(operator, places)
    assert {
        address: (few[address], number) for address, number in more.items() if few[address] != number
    } == {}
    assert len(few) > 50


def test_a_seed_of_many_jobs_is_a_whole(operator: Client, capsys: Any) -> None:
    call_command("seed_jobs", count=1500)
    assert Job.objects.count() == 1500
    assert "1500 jobs written." in capsys.readouterr().out
    for job in Job.objects.order_by("?")[:20]:
        page = operator.get(reverse("admin:jobs_job_change", args=[job.public_id]))
        assert page.status_code == 200
        assert "not stored any more" not in page.content.decode()
        assert job.attempts.count() == job.run
        assert job.events.exists()
        assert set(job.tag_rows.values_list("tag", flat=True)) == set(job.tags)

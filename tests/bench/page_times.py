"""How long the searches, the admin's pages and the REST list take on a database that is full.

    python tests/bench/page_times.py [--rounds 20] [--only search|page|list] [--slow 300]

Runs on the database that the environment names (SIGHTLINE_HOME, SIGHTLINE_DATABASE_URL), which `manage.py seed_jobs`
has filled. Each case is asked with values drawn anew, frequent and rare ones. Prints JSON: by case the milliseconds of
the whole response (p50, p95), its CPU here, those of its queries, and the greatest number of queries.
"""

import argparse
import json
import logging
import os
import random
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "sightline.settings")
os.environ.setdefault("SIGHTLINE_ROLE", "tool")
os.environ["SIGHTLINE_DEBUG"] = "1"  # static files as they lie in the packages
django.setup()

from django.conf import settings  # noqa: E402
from django.contrib.auth.models import User  # noqa: E402
from django.db import connection  # noqa: E402
from django.test import Client  # noqa: E402
from django.test.utils import CaptureQueriesContext  # noqa: E402

from sightline.fleet.models import Group  # noqa: E402
from sightline.jobs.models import Attempt, Job, JobTag  # noqa: E402
from sightline.jobs.status import Status  # noqa: E402
from sightline.kinds.registry import KINDS  # noqa: E402
from sightline.media.models import Media  # noqa: E402
from sightline.tenants import keys  # noqa: E402
from sightline.tenants.models import Tenant  # noqa: E402
from sightline.triage.models import Cause  # noqa: E402

Draw = Callable[[], str]


@dataclass(frozen=True, kw_only=True)
class Case:
    """One thing that is measured."""

    part: str
    """search, page or list."""
    name: str
    path: Draw
    """An address, with values drawn anew."""


class Values:
    """Values that occur: the frequent and the rare ones of each column."""

    def __init__(self, dice: random.Random) -> None:
        self.dice = dice
        self.tenants = list(Tenant.objects.values_list("name", flat=True))
        self.tags = list({row.tag for row in JobTag.objects.order_by("-id")[:20_000]})
        self.groups = list(Group.objects.values_list("pk", flat=True))
        self.causes = list(Cause.objects.values_list("pk", "code", "message"))
        recent = Job.objects.order_by("-id")
        self.newest, self.oldest = recent[0], Job.objects.order_by("id")[0]
        self.jobs = [job.public_id for job in recent.defer("input", "output")[:2000:40]]
        self.failed = [
            job.public_id for job in recent.filter(status=Status.FAILED).defer("input", "output")[:200:10]
        ]
        self.digests = list(Media.objects.order_by("id").values_list("pixel_sha256", flat=True)[:20_000:500])
        self.tasks = list(Attempt.objects.order_by("-id").values_list("celery_task_id", flat=True)[:2000:100])
        self.errors = (
            "out of memory",
            "is full",
            "tokens",
            "answered 404",
            "missing",
            "HEIC",
            "nothing says this",
        )

    def one(self, values: Any) -> str:
        return str(self.dice.choice(values))

    def moment(self) -> str:
        span = self.newest.created_at - self.oldest.created_at
        return f"{self.oldest.created_at + span * self.dice.random():%Y-%m-%dT%H:%M}"


def searches(v: Values) -> Iterator[tuple[str, Draw]]:
    """Each qualifier alone, then what people combine."""
    one = v.one
    alone: dict[str, Draw] = {
        "kind": lambda: f"kind:{one(list(KINDS))}",
        "status": lambda: f"status:{one(Status.values)}",
        "status of several": lambda: "status:failed,expired,quarantined",
        "-status": lambda: "-status:succeeded",
        "tenant": lambda: f"tenant:{one(v.tenants)}",
        "tenant that is not there": lambda: "tenant:nobody",
        "model": lambda: f"model:{one(list(settings.MODELS))}",
        "model that is not there": lambda: "model:llama",
        "gpu": lambda: f"gpu:{v.dice.randrange(4)}",
        "group": lambda: f"group:{one(v.groups)}",
        "worker": lambda: f"worker:{one(list(KINDS))}-{one(v.groups)}",
        "worker that is not there": lambda: "worker:ocr-gpu9@nowhere",
        "queue": lambda: f"queue:{one(list(KINDS))}.{one(list(settings.MODELS))}",
        "tag": lambda: f"tag:{one(v.tags)}",
        "tag, frequent": lambda: "nightly",
        "error": lambda: f'error:"{one(v.errors)}"',
        "cause": lambda: f"cause:{one(v.causes)[2:18]}",
        "sha256": lambda: f"sha256:{one(v.digests)}",
        "created >": lambda: f"created:>{v.moment()}",
        "created <": lambda: f"created:<{v.moment()}",
        "created >2h": lambda: "created:>2h",
        "run >1": lambda: "run:>1",
        "run 3": lambda: "run:3",
        "run >7, none": lambda: "run:>7",
        "served by cache, none": lambda: "served:cache",
        "job id": lambda: one(v.jobs),
    }
    together: dict[str, Draw] = {
        "tenant status": lambda: f"tenant:{one(v.tenants)} status:{one(Status.values)}",
        "tenant kind": lambda: f"tenant:{one(v.tenants)} kind:{one(list(KINDS))}",
        "tenant tag": lambda: f"tenant:{one(v.tenants)} tag:{one(v.tags)}",
        "tag status": lambda: f"tag:{one(v.tags)} status:{one(Status.values)}",
        "tag tag": lambda: f"tag:{one(v.tags)} tag:{one(v.tags)}",
        "kind status gpu": lambda: f"kind:{one(list(KINDS))} status:failed gpu:{v.dice.randrange(4)}",
        "gpu expired": lambda: f"gpu:{v.dice.randrange(4)} status:expired",
        "kind status error gpu tenant": lambda: (
            f'kind:{one(list(KINDS))} status:failed error:"{one(v.errors)}" gpu:{v.dice.randrange(4)}'
            f" tenant:{one(v.tenants)}"
        ),
        "error created": lambda: f'error:"{one(v.errors)}" created:>{v.moment()}',
        "error tag": lambda: f'error:"{one(v.errors)}" tag:{one(v.tags)}',
        "worker status": lambda: f"worker:{one(list(KINDS))}-{one(v.groups)} status:{one(Status.values)}",
        "tenant created between": lambda: (
            f"tenant:{one(v.tenants)} created:<{v.moment()} created:>{v.moment()}"
        ),
        "status created <": lambda: f"status:{one(Status.values)} created:<{v.moment()}",
        "tenant model run": lambda: f"tenant:{one(v.tenants)} model:{one(list(settings.MODELS))} run:>1",
    }
    yield from alone.items()
    yield from together.items()


def pages(v: Values) -> Iterator[tuple[str, Draw]]:
    """Every list of the admin, and a page of each kind."""
    from django.contrib import admin
    from django.urls import reverse

    yield "home", lambda: reverse("admin:index")
    yield "stuck", lambda: reverse("admin:jobs_job_stuck")
    for model in sorted(admin.site._registry, key=lambda model: model._meta.label_lower):
        name = f"{model._meta.app_label}_{model._meta.model_name}"
        yield model._meta.label_lower, lambda name=name: reverse(f"admin:{name}_changelist")  # type: ignore[misc]
    yield "a job", lambda: reverse("admin:jobs_job_change", args=[v.one(v.jobs)])
    yield "a job that failed", lambda: reverse("admin:jobs_job_change", args=[v.one(v.failed)])
    yield "a cause", lambda: reverse("admin:triage_cause_change", args=[v.dice.choice(v.causes)[0]])
    yield "charts of an hour", lambda: reverse("admin:fleet_minute_charts", args=["hour"])
    yield "jobs, a page in the middle", lambda: f"{reverse('admin:jobs_job_changelist')}?before={v.oldest.pk}"
    yield "attempts of a task", lambda: f"{reverse('admin:jobs_attempt_changelist')}?q={v.one(v.tasks)}"
    yield "events of a job", lambda: f"{reverse('admin:jobs_jobevent_changelist')}?q={v.one(v.jobs)}"
    yield "an image by digest", lambda: f"{reverse('admin:media_media_changelist')}?q={v.one(v.digests)}"


def lists(v: Values) -> Iterator[tuple[str, Draw]]:
    """The REST list of the largest tenant, which most rows belong to."""
    asked: dict[str, Callable[[], dict[str, str]]] = {
        "all": dict,
        "kind": lambda: {"kind": v.one(list(KINDS))},
        "status": lambda: {"status": v.one(Status.values)},
        "tag": lambda: {"tag": v.one(v.tags)},
        "model": lambda: {"model": v.one(list(settings.MODELS))},
        "fingerprint": lambda: {"fingerprint": v.dice.choice(v.causes)[0]},
        "created after": lambda: {"created_after": v.moment()},
        "created before": lambda: {"created_before": v.moment()},
        "kind status tag": lambda: {
            "kind": v.one(list(KINDS)),
            "status": v.one(Status.values),
            "tag": v.one(v.tags),
        },
        "cursor": lambda: {"cursor": v.one(v.jobs)},
    }
    for name, query in asked.items():
        yield name, lambda query=query: f"/api/v1/jobs?{urlencode(query())}"  # type: ignore[misc]


def cases(v: Values) -> Iterator[Case]:
    for name, words in searches(v):
        yield Case(
            part="search", name=name, path=lambda words=words: f"/admin/jobs/job/?{urlencode({'q': words()})}"
        )
    for name, path in pages(v):
        yield Case(part="page", name=name, path=path)
    for name, path in lists(v):
        yield Case(part="list", name=name, path=path)


def measure(case: Case, client: Client, rounds: int, headers: dict[str, str]) -> dict[str, Any]:
    whole, cpu, asked, numbers, worst = [], [], [], [], ("", 0.0)
    for _ in range(rounds):
        path = case.path()
        with CaptureQueriesContext(connection) as queries:
            began, worked = time.perf_counter(), time.process_time()
            response = client.get(path, headers=headers)
            spent = (time.perf_counter() - began) * 1000
            cpu.append((time.process_time() - worked) * 1000)
        if response.status_code != 200:
            raise RuntimeError(f"{path} answered {response.status_code}")
        whole.append(spent)
        asked.append(sum(float(query["time"]) for query in queries) * 1000)
        numbers.append(len(queries))
        worst = max(worst, (path, spent), key=lambda item: item[1])
    return {
        "part": case.part,
        "name": case.name,
        "p50_ms": statistics.median(whole),
        "p95_ms": sorted(whole)[max(0, int(len(whole) * 0.95) - 1)],
        "max_ms": max(whole),
        "cpu_ms": statistics.median(cpu),
        "query_p95_ms": sorted(asked)[max(0, int(len(asked) * 0.95) - 1)],
        "queries": max(numbers),
        "slowest": worst[0],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--only", default="", help="search, page or list")
    parser.add_argument("--slow", type=float, default=0, help="print those that are slower, for people")
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    values = Values(random.Random(1))
    user, _ = User.objects.get_or_create(
        username="bench", defaults={"is_staff": True, "is_superuser": True, "password": "!"}
    )
    client = Client(SERVER_NAME="localhost")
    client.force_login(user)
    _, secret = keys.create(tenant="acme", name=f"bench {time.time():.0f}")
    headers = {"Authorization": f"Bearer {secret}"}
    client.get("/admin/")  # templates are compiled, the admin is imported
    found = []
    for case in cases(values):
        if options.only and case.part != options.only:
            continue
        row = measure(case, client, options.rounds, headers if case.part == "list" else {})
        if options.slow and row["p95_ms"] > options.slow:
            print(f"{row['part']} {row['name']}: {row['p95_ms']:.0f} ms, {row['slowest']}", flush=True)
        found.append(row)
    print(json.dumps({"database": connection.vendor, "jobs": _jobs(), "cases": found}))


def _jobs() -> int:
    return Job.objects.count()


if __name__ == "__main__":
    main()

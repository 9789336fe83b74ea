"""Submits, claims and finishes a second, without Celery and HTTP: what the database alone allows.

    python tests/bench/domain_statements.py [--jobs 1000] [--threads 8]

Runs on the database that the environment names (SIGHTLINE_HOME, SIGHTLINE_DATABASE_URL), migrated beforehand, with
wake-ups left out. Prints jobs a second on one connection and on several.
"""

import argparse
import logging
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "sightline.settings")
os.environ.setdefault("SIGHTLINE_ROLE", "worker")
django.setup()

from django.db import connection  # noqa: E402

from sightline.jobs import wakeups  # noqa: E402
from sightline.jobs.claims import Claim, Claimant, Result  # noqa: E402
from sightline.jobs.services.claim import claim  # noqa: E402
from sightline.jobs.services.finish import finish  # noqa: E402
from sightline.jobs.services.submit import Submission, submit  # noqa: E402
from sightline.tenants.models import Tenant  # noqa: E402

QUEUE = "ocr.bench"


def _submission(tenant: Tenant) -> Submission:
    return Submission(
        tenant=tenant,
        api_key=None,
        kind="ocr",
        model="bench",
        input={"images": [{"media": {"sha256": "0" * 64, "width": 640, "height": 480}}]},
        params={"format": "markdown"},
        images=["0" * 64],
        cost=2,
        max_attempts=3,
        retention_s=3600,
    )


def _rate(jobs: int, threads: int, verb: Callable[[int], None]) -> float:
    """Calls of `verb` a second, in that many threads."""

    def share(number: int) -> None:
        try:
            for index in range(number, jobs, threads):
                verb(index)
        finally:
            connection.close()

    began = time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(share, range(threads)))
    return jobs / (time.perf_counter() - began)


def measure(jobs: int, threads: int) -> tuple[float, float, float]:
    tenants = [Tenant.objects.get_or_create(name=f"bench-{number}")[0] for number in range(8)]
    claims: list[Claim] = []
    result = Result(
        output={"text": "read " * 100},
        complete=True,
        finish_reason="stop",
        usage={"input_tokens": 500, "output_tokens": 100},
        timings={"total": 100.0},
    )

    def take(index: int) -> None:
        taken = claim(queue=QUEUE, claimant=Claimant(worker=f"bench#{index % threads}", group="", engine=""))
        if taken is not None:
            claims.append(taken)

    submits = _rate(jobs, threads, lambda index: _submit(tenants[index % len(tenants)]))
    takes = _rate(jobs, threads, take)
    finishes = _rate(jobs, threads, lambda index: _finish(claims[index], result))
    return submits, takes, finishes


def _submit(tenant: Tenant) -> None:
    submit(submission=_submission(tenant))


def _finish(taken: Claim, result: Result) -> None:
    finish(claim=taken, result=result)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=1000)
    parser.add_argument("--threads", type=int, default=8)
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    wakeups.publish = lambda **_: True  # the broker is measured elsewhere
    print(f"{connection.vendor}: jobs/s  submit  claim  finish")
    for threads in (1, options.threads):
        rates = measure(options.jobs, threads)
        print(f"{threads:>3} connections: " + "".join(f"{rate:>8.0f}" for rate in rates))


if __name__ == "__main__":
    main()

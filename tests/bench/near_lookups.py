"""How long it takes to find candidates among many pictures: fills an empty database and asks it.

    python tests/bench/near_lookups.py [--images 100000] [--asks 500]

Runs on the database that the environment names (SIGHTLINE_HOME, SIGHTLINE_DATABASE_URL), migrated beforehand. Half of
the pictures are pages of one form, alike in most of their parts, the other half have nothing in common. Prints JSON.
"""

import argparse
import json
import logging
import os
import random
import statistics
import time
from collections.abc import Iterable, Iterator

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "sightline.settings")
os.environ.setdefault("SIGHTLINE_ROLE", "worker")
django.setup()

from django.db import connection, transaction  # noqa: E402

from sightline.cache.values import Wanted  # noqa: E402
from sightline.clock import After  # noqa: E402
from sightline.jobs.models import Job  # noqa: E402
from sightline.jobs.status import Status  # noqa: E402
from sightline.near import index, tier  # noqa: E402
from sightline.near.models import Entry  # noqa: E402
from sightline.tenants.models import Tenant  # noqa: E402

PROMPT = "r" * 12 + ".one-prompt-for-all"
PARTS = 16
WRITTEN_IN = 3
"""Parts of the form that differ from page to page."""
_FORM = tuple(random.Random(0).getrandbits(64) for _ in range(PARTS))


def regions(number: int) -> tuple[int, ...]:
    """The hashes of picture `number`: an even one is a page of the form."""
    chance = random.Random(number)
    own = [chance.getrandbits(64) for _ in range(PARTS)]
    return (*_FORM[:-WRITTEN_IN], *own[-WRITTEN_IN:]) if number % 2 == 0 else tuple(own)


def copied(number: int) -> tuple[int, ...]:
    """The hashes of a copy of picture `number` in another encoding: half of the parts are no longer equal."""
    chance = random.Random(-number)
    changed = set(chance.sample(range(PARTS - WRITTEN_IN), PARTS // 2))
    return tuple(chance.getrandbits(64) if i in changed else r for i, r in enumerate(regions(number)))


def fill(images: int) -> None:
    tenant, _ = Tenant.objects.get_or_create(name="bench")
    # A day's jobs ended within the time that answers are good for.
    now = After()
    for start in range(0, images, 5000):
        numbers = range(start, min(images, start + 5000))
        with transaction.atomic():
            jobs = Job.objects.bulk_create([_job(tenant, number, now) for number in numbers], batch_size=400)
            entries = Entry.objects.bulk_create(
                [Entry(job=job, prompt_key=PROMPT, media=[]) for job in jobs], batch_size=400
            )
            _bands(
                (bucket, entry.pk)
                for number, entry in zip(numbers, entries, strict=True)
                for bucket in index._buckets(PROMPT, regions(number))
            )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def _job(tenant: Tenant, number: int, now: After) -> Job:
    return Job(
        tenant=tenant,
        kind="ocr",
        model="default",
        input={},
        retention_s=86_400,
        status=Status.SUCCEEDED,
        queue="ocr.default",
        turn=number,
        cache_key=f"bench-{number}",
        output={"text": "read " * 40},
        finish_reason="stop",
        created_at=now,
        ended_at=now,
    )


def _bands(rows: Iterable[tuple[int, int]]) -> None:
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            with cursor.copy("COPY near_band (bucket, entry_id) FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)
        else:
            cursor.executemany("INSERT INTO near_band (bucket, entry_id) VALUES (%s, %s)", list(rows))


def ask(images: int, asks: int) -> Iterator[tuple[float, float, bool]]:
    """Of each look-up: milliseconds, CPU-milliseconds, and whether the right picture was among the candidates."""
    wanted = Wanted(
        key="k",
        prompt_key=PROMPT,
        scope="tenant:bench",
        kind="ocr",
        model="default",
        mode="near",
        ttl_s=86_400,
        pictures=(),
        media=(),
    )
    chance = random.Random(1)
    for _ in range(asks):
        number = chance.randrange(images)
        looked = copied(number)
        began, worked = time.perf_counter(), time.process_time()
        ranked = index.candidates(prompt_key=PROMPT, regions=looked, most=4 * tier.MOST_CANDIDATES)
        found = tier.answered(wanted, ranked)[: tier.MOST_CANDIDATES]
        spent, work = time.perf_counter() - began, time.process_time() - worked
        yield spent * 1000, work * 1000, any(entry.job.turn == number for entry in found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--asks", type=int, default=500)
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    fill(options.images)
    measured = list(ask(options.images, options.asks))
    spent = sorted(ms for ms, _, _ in measured)
    print(
        json.dumps(
            {
                "database": connection.vendor,
                "images": options.images,
                "p50_ms": statistics.median(spent),
                "cpu_ms": statistics.mean(ms for _, ms, _ in measured),
                "p99_ms": spent[int(len(spent) * 0.99) - 1],
                "found": sum(found for _, _, found in measured) / len(measured),
            }
        )
    )


if __name__ == "__main__":
    main()

"""Candidates by perceptual hash: rows of the database, one for each part of a picture, found by equality.

A picture's 16 parts are hashed one by one, and each hash is a bucket together with the prompt's key. Copies of a
picture share a good part of their buckets, so one of them is enough to be found. Where many pictures look alike, as
pages of one form do, the buckets of what all of them share are crowded: those give their newest few entries and no
more, and the buckets of the parts that tell them apart find the right one. That bounds the work of a look-up by
16 × `NEWEST` index rows, however many pictures there are.
"""

import hashlib
from collections import Counter
from collections.abc import Sequence
from uuid import UUID

from django.db import connection

from sightline.jobs.models import Job
from sightline.near.models import Band, Entry

NEWEST = 8
"""Entries that one bucket gives, the newest."""


def add(*, job: Job, prompt_key: str, media: Sequence[UUID], regions: Sequence[int]) -> None:
    """Make a job findable by its first picture. Two statements; call it in the transaction that inserts the job."""
    entry = Entry.objects.create(job=job, prompt_key=prompt_key, media=[item.hex for item in media])
    Band.objects.bulk_create(Band(bucket=bucket, entry=entry) for bucket in _buckets(prompt_key, regions))


def candidates(*, prompt_key: str, regions: Sequence[int], most: int) -> list[int]:
    """Ids of entries that share parts with such a picture under this prompt, the likeliest first.

    First those that share what few have, then those that share most of what many have; the newest of equals.
    """
    band = Band._meta.db_table
    newest = f'SELECT bucket, entry_id FROM "{band}" WHERE bucket = %s ORDER BY entry_id DESC LIMIT {NEWEST}'  # noqa: S608
    buckets = sorted(set(_buckets(prompt_key, regions)))
    with connection.cursor() as cursor:
        # One statement: SQLite wants each limited part in a subquery of its own, PostgreSQL a name for it.
        parts = " UNION ALL ".join(f"SELECT * FROM ({newest}) AS b{i}" for i in range(len(buckets)))  # noqa: S608
        cursor.execute(parts, buckets)
        rows = cursor.fetchall()
    sizes = Counter(bucket for bucket, _ in rows)
    rare = Counter(entry for bucket, entry in rows if sizes[bucket] < NEWEST)
    common = Counter(entry for bucket, entry in rows if sizes[bucket] == NEWEST)
    ranked = sorted(
        rare.keys() | common.keys(), key=lambda entry: (rare[entry], common[entry], entry), reverse=True
    )
    return ranked[:most]


def _buckets(prompt_key: str, regions: Sequence[int]) -> list[int]:
    """Signed 64-bit digests: both databases have an integer of that size."""
    return [
        int.from_bytes(
            hashlib.blake2b(f"{prompt_key}:{number}:{region:016x}".encode(), digest_size=8).digest(),
            "big",
            signed=True,
        )
        for number, region in enumerate(regions)
    ]

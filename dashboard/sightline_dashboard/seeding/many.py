"""As many jobs as somebody wants to see: the seeded ones again and again, each at a time, with a tenant, tags, an image
and a fate of its own. Written a table at a time, by COPY where the database has it: a million take minutes.
"""

import bisect
import hashlib
import itertools
import json
import math
import random
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

from django.conf import settings
from django.db import connection, models, transaction

from sightline.celery import queue_name
from sightline.jobs.models import Attempt, Job, JobEvent, JobMedia, JobTag
from sightline.jobs.status import AttemptOutcome, Status
from sightline.media.models import Media
from sightline.tenants.models import Tenant
from sightline.triage import causes
from sightline.triage.models import Failure
from sightline_dashboard.seeding import troubles
from sightline_dashboard.seeding.table import Table
from sightline_dashboard.seeding.writing import Place, Trouble, id_at

T = TypeVar("T")

BATCH = 5_000
SPAN = timedelta(days=6)
"""Within the week that ended jobs are kept."""
_DAYS = 6
TENANTS, TAGS, HOSTS, GPUS = 40, 300, 4, 4
MOST_QUEUED, MOST_RUNNING = 20_000, 300
_NEW_IMAGE = 0.4
"""The share of jobs with an image that nobody sent before."""
_LEASE = timedelta(hours=12)

_ENDS = (
    (Status.SUCCEEDED, 0.925),
    (Status.FAILED, 0.04),
    (Status.INCOMPLETE, 0.015),
    (Status.CANCELLED, 0.01),
    (Status.EXPIRED, 0.009),
    (Status.QUARANTINED, 0.001),
)
_RUN_S = {"gui": (0.3, 1.2), "chat": (0.5, 4.0), "ocr": (1.0, 9.0)}
_WAIT_S = {"gui": 0.4, "chat": 2.0, "ocr": 20.0}
_KINDS = (("ocr", 0.6), ("gui", 0.25), ("chat", 0.15))

Progress = Callable[[int], None]
"""Called with the number of jobs that were written since the last call."""


class Draw(Generic[T]):
    """One of several, some of them more often."""

    def __init__(self, choices: Sequence[tuple[T, float]]) -> None:
        self.values = [value for value, _ in choices]
        self.sums = list(itertools.accumulate(weight for _, weight in choices))

    def __call__(self, dice: random.Random) -> T:
        return self.values[bisect.bisect(self.sums, dice.random() * self.sums[-1])]


def _often_rarely(values: Sequence[T]) -> Draw[T]:
    """The second half as often as the first, the third a third as often (Zipf)."""
    return Draw([(value, 1 / rank) for rank, value in enumerate(values, start=1)])


@dataclass(frozen=True, kw_only=True)
class _Template:
    """A job that succeeded, as the columns that its copies take over, and its image."""

    values: dict[str, Any]
    media: dict[str, Any]


def multiply(*, more: int, now: datetime, dice: random.Random, progress: Progress = lambda _: None) -> None:
    """Write `more` jobs beside those that `seed` wrote, the oldest first, each batch in a transaction."""
    writer = _Writer(now=now, dice=dice, total=more)
    for start in range(0, more, BATCH):
        numbers = range(start, min(more, start + BATCH))
        writer.write(numbers)
        progress(len(numbers))
    while causes.count():
        pass


class _Writer:
    def __init__(self, *, now: datetime, dice: random.Random, total: int) -> None:
        self.now, self.dice, self.total = now, dice, total
        names = [f"customer-{number:02d}" for number in range(1, TENANTS - 2)]
        tenants = [
            Tenant.objects.get_or_create(name=name)[0] for name in ("acme", "globex", "initech", *names)
        ]
        self.tenant = _often_rarely(tenants)
        self.tag = _often_rarely([_tag_name(number) for number in range(TAGS)])
        self.model = _often_rarely(list(settings.MODELS))
        self.place = Draw([(place, 1.0) for place in _places()])
        self.kind, self.end, self.trouble = Draw(_KINDS), Draw(_ENDS), _often_rarely(troubles.ALL)
        self.templates = _templates()
        self.images: dict[uuid.UUID, list[Media]] = {tenant.pk: [] for tenant in tenants}
        self.queued = self.running = 0

    def write(self, numbers: range) -> None:
        batch = _Batch()
        for number in numbers:
            self._job(number, batch)
        with transaction.atomic():
            for table in batch.tables:
                table.write()

    def _created(self, number: int) -> datetime:
        """Days have a quiet and a busy time."""
        share = (number + self.dice.random()) / self.total
        share += 0.02 * math.sin(2 * math.pi * _DAYS * share)
        return self.now - SPAN + SPAN * min(share, 1 - 1e-6)

    def _job(self, number: int, batch: "_Batch") -> None:
        dice = self.dice
        created, kind, tenant = self._created(number), self.kind(dice), self.tenant(dice)
        template = dice.choice(self.templates[kind])
        key = id_at(created, dice)
        media, digest = self._image(template, tenant, created, batch)
        tags = sorted({self.tag(dice) for _ in range(dice.choice((0, 1, 1, 2, 3)))})
        model, place = self.model(dice), self.place(dice)
        job = {
            **template.values,
            "id": key,
            "tenant_id": tenant.pk,
            "model": model,
            "queue": queue_name(kind, model),
            "turn": number,
            "created_at": created,
            "tags": json.dumps(tags),
            "images": json.dumps([digest]),
            "input": template.values["input"].replace(template.media["sha256"], media.sha256),
        }
        life = _Life(job=job, kind=kind, place=place, dice=dice, batch=batch)
        life.event("job.queued")
        status = self._status(number)
        match status:
            case Status.QUEUED:
                life.waits()
            case Status.RUNNING:
                life.runs(self.now + _LEASE)
            case Status.FAILED | Status.QUARANTINED:
                life.fails(self.trouble(dice), status)
            case Status.CANCELLED | Status.EXPIRED:
                life.stops(status)
            case _:
                life.ends(status, again=self.trouble(dice) if dice.random() < 0.03 else None)
        batch.jobs.add(job)
        batch.links.add({"job_id": key, "media_id": media.pk})
        for tag in tags:
            batch.tags.add({"tenant_id": tenant.pk, "job_id": key, "tag": tag})

    def _status(self, number: int) -> Status:
        """The newest ones are still under way."""
        left = self.total - number
        if left <= min(self.total * 0.03, MOST_QUEUED * 1.5):
            if left <= MOST_RUNNING * 2 and self.running < MOST_RUNNING and self.dice.random() < 0.6:
                self.running += 1
                return Status.RUNNING
            if self.queued < MOST_QUEUED and self.dice.random() < 0.6:
                self.queued += 1
                return Status.QUEUED
        return self.end(self.dice)

    def _image(
        self, template: _Template, tenant: Tenant, created: datetime, batch: "_Batch"
    ) -> tuple[Media, str]:
        known = self.images[tenant.pk]
        if known and self.dice.random() > _NEW_IMAGE:
            media = known[int(len(known) * self.dice.random() ** 0.2)]  # the latest are sent again the most
            return media, media.pixel_sha256
        media = Media(
            **{
                **template.media,
                "id": id_at(created, self.dice),
                "tenant_id": tenant.pk,
                "sha256": f"{self.dice.getrandbits(256):064x}",
                "pixel_sha256": f"{self.dice.getrandbits(256):064x}",
                "created_at": created,
                "last_used_at": created.replace(minute=0, second=0, microsecond=0),
            }
        )
        known.append(media)
        batch.media.add(
            {field.attname: getattr(media, field.attname) for field in Media._meta.concrete_fields}
        )
        return media, media.pixel_sha256


class _Batch:
    """The rows of some jobs, in the order in which tables refer to each other."""

    def __init__(self) -> None:
        self.media, self.jobs, self.attempts, self.events, self.tags, self.links, self.failures = (
            self.tables
        ) = [Table(model) for model in (Media, Job, Attempt, JobEvent, JobTag, JobMedia, Failure)]


class _Life:
    """What a job went through: its columns change, rows are added to the batch."""

    def __init__(
        self, *, job: dict[str, Any], kind: str, place: Place, dice: random.Random, batch: _Batch
    ) -> None:
        self.job, self.kind, self.place, self.dice, self.batch = job, kind, place, dice, batch
        self.at: datetime = job["created_at"]
        self.worker = f"{kind}-{place.group}"
        job |= {
            "status": Status.QUEUED.value,
            "run": 0,
            "tries": 0,
            "fence": 0,
            "worker": "",
            "group": "",
            "output": None,
            "error": None,
            "usage": None,
            "timings": None,
            "served_from": "",
            "finish_reason": "",
            "claimed_at": None,
            "ended_at": None,
        }

    def event(self, type: str, actor: str = "", data: str = "{}") -> None:
        self.batch.events.add(
            {
                "job_id": self.job["id"],
                "type": type,
                "run": self.job["run"],
                "at": self.at,
                "actor": actor,
                "data": data,
            }
        )

    def waits(self) -> None:
        if self.dice.random() < 0.02:
            self.job["parked_until"] = self.at + _LEASE

    def runs(self, until: datetime) -> None:
        self._claimed()
        self._attempt(AttemptOutcome.RUNNING, ended=None)
        self.job |= {"status": Status.RUNNING.value, "lease_until": until}

    def fails(self, trouble: Trouble, status: Status) -> None:
        tries = 3 if trouble.outcome is AttemptOutcome.TRANSIENT else 1
        for number in range(tries):
            self._failed(trouble, last=number == tries - 1)
        error = {"code": trouble.code, "message": trouble.message, "retryable": tries > 1}
        self._over(status, error=json.dumps(error))

    def stops(self, status: Status) -> None:
        self.at += timedelta(seconds=self.dice.uniform(1, 40))
        cancelled = status is Status.CANCELLED
        words = "The job was cancelled." if cancelled else "Its deadline passed in the queue."
        error = {"code": str(status), "message": words, "retryable": True}
        self._over(status, actor="admin:operator" if cancelled else "", error=json.dumps(error))

    def ends(self, status: Status, again: Trouble | None) -> None:
        if again is not None:
            self._failed(again, last=False)
        self._claimed()
        prepare, ttft = self.dice.uniform(8, 40), self.dice.uniform(60, 320)
        took = self.dice.uniform(*_RUN_S[self.kind]) * 1000
        timings = {"prepare": prepare, "ttft": ttft, "decode": took, "total": prepare + ttft + took + 6}
        timings = {name: round(value, 2) for name, value in timings.items()}
        self.at += timedelta(milliseconds=timings["total"])
        tokens = int(took / 9)
        usage = json.dumps({"input_tokens": 1180, "image_tokens": 1020, "output_tokens": tokens})
        good = status is Status.SUCCEEDED
        self._attempt(
            AttemptOutcome.SUCCEEDED if good else AttemptOutcome.INCOMPLETE,
            ended=self.at,
            timings=json.dumps(timings),
            usage=usage,
        )
        queue = (self.job["claimed_at"] - self.job["created_at"]).total_seconds() * 1000
        self._over(
            status,
            output=self.job["answer"],
            usage=usage,
            timings=json.dumps({"queue": round(queue, 2), **timings}),
            served_from="engine",
            finish_reason="stop" if good else "length",
        )

    def _claimed(self) -> None:
        self.at += timedelta(seconds=self.dice.expovariate(1 / _WAIT_S[self.kind]))
        self.job["run"] += 1
        self.job["fence"] += 1
        self.job |= {"worker": self.worker, "group": self.place.group, "claimed_at": self.at}
        self.event("job.started", actor=self.worker)

    def _failed(self, trouble: Trouble, *, last: bool) -> None:
        self._claimed()
        self.at += timedelta(seconds=self.dice.uniform(0.3, 4))
        fingerprint = hashlib.sha256(trouble.message.encode()).hexdigest()[:16]
        self._attempt(
            trouble.outcome,
            ended=self.at,
            phase=trouble.phase,
            error_type=trouble.error_type,
            error_code=trouble.code,
            message=trouble.message,
            frames=json.dumps(trouble.frames),
            fingerprint=fingerprint,
        )
        self.job["tries"] += trouble.outcome is AttemptOutcome.TRANSIENT
        self.batch.failures.add(
            {
                "fingerprint": fingerprint,
                "job_id": self.job["id"],
                "run": self.job["run"],
                "tenant_id": self.job["tenant_id"],
                "kind": self.kind,
                "model": self.job["model"],
                "group": self.place.group,
                "at": self.at,
            }
        )
        if not last:
            self.event("job.attempt_failed", data=json.dumps({"code": trouble.code}))

    def _attempt(self, outcome: AttemptOutcome, *, ended: datetime | None, **more: Any) -> None:
        self.batch.attempts.add(
            {
                "job_id": self.job["id"],
                "run": self.job["run"],
                "fence": self.job["fence"],
                "worker": self.worker,
                "group": self.place.group,
                "engine": "http://127.0.0.1:8101/v1",
                "celery_task_id": str(uuid.UUID(int=self.dice.getrandbits(128), version=4)),
                "outcome": outcome.value,
                "started_at": self.job["claimed_at"],
                "ended_at": ended,
                **more,
            }
        )

    def _over(self, status: Status, *, actor: str = "", **more: Any) -> None:
        self.job |= {"status": status.value, "ended_at": self.at, **more}
        self.event(f"job.{status}", actor=actor)


def _places() -> Iterator[Place]:
    for host, gpu in itertools.product(range(1, HOSTS + 1), range(GPUS)):
        yield Place(group=f"gpu{gpu}@node{host}", host=f"node{host}", gpu=f"gpu{gpu}")


def _tag_name(number: int) -> str:
    words = (
        "nightly",
        "invoices",
        "desktop",
        "phone",
        "regression",
        "batch",
        "pilot",
        "receipts",
        "forms",
        "canary",
    )
    return words[number] if number < len(words) else f"{words[number % len(words)]}-{number // len(words)}"


def _templates() -> dict[str, list[_Template]]:
    found: dict[str, list[_Template]] = {}
    jobs = Job.objects.filter(status=Status.SUCCEEDED, media_rows__isnull=False).order_by("id")
    for job in jobs.prefetch_related("media_rows__media")[:200]:
        values = {field.attname: getattr(job, field.attname) for field in Job._meta.concrete_fields}
        for field in Job._meta.concrete_fields:
            if isinstance(field, models.JSONField) and values[field.attname] is not None:
                values[field.attname] = json.dumps(values[field.attname])
        media = job.media_rows.all()[0].media
        about = {field.attname: getattr(media, field.attname) for field in Media._meta.concrete_fields}
        found.setdefault(job.kind, []).append(
            _Template(
                values={**values, "answer": values["output"], "api_key_id": None, "cache_key": None},
                media=about,
            )
        )
    return found


def analyse() -> None:
    """Tell the planner what there is now."""
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")

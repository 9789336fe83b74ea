"""Writes a story as the rows that its life would have left behind, at a time in the past.

The rows are written directly: the services would date everything now. What a job went through is in `Fate`.
"""

import hashlib
import random
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sightline.celery import queue_name
from sightline.jobs.models import Attempt, Job, JobEvent, JobMedia, JobTag
from sightline.jobs.status import AttemptOutcome, Status
from sightline.kinds import registry
from sightline.kinds.contract import Image, Outcome, StoredImage
from sightline.media import services
from sightline.media.models import Media
from sightline.tenants.models import Tenant
from sightline.triage.models import Failure
from sightline_dashboard.seeding.stories import Story


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """An attempt that went wrong."""

    outcome: AttemptOutcome
    code: str
    message: str
    error_type: str
    phase: str
    frames: tuple[str, ...] = ()
    said: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Fate:
    """How a job ended, or how far it is."""

    status: Status
    troubles: tuple[Trouble, ...] = ()
    """Attempts that failed before the last one, in order; of an unhappy end, the last one too."""
    actor: str = ""


@dataclass(frozen=True, kw_only=True)
class Place:
    """Who ran it."""

    group: str
    host: str
    gpu: str


def outcome_of(story: Story, media: Media) -> tuple[dict[str, Any], Outcome]:
    """(the bound input, what the kind makes of the reply): the real formats."""
    kind = registry.get(story.kind)
    given = {**story.input, "images": [{"upload_id": media.public_id}]}
    validated = kind.Input.model_validate(given)
    stored = StoredImage(sha256=media.sha256, width=media.width, height=media.height, mime=media.mime)
    bound = kind.bind(validated, [stored])
    conversation = kind.run(
        input=bound, params=story.params, images=[Image(index=0, width=media.width, height=media.height)]
    )
    next(conversation)
    try:
        conversation.send(story.reply)
    except StopIteration as end:
        outcome: Outcome = end.value
        return bound, outcome
    raise ValueError(f"the {story.kind} story needs more than one reply")


def id_at(moment: datetime, dice: random.Random) -> uuid.UUID:
    """A UUIDv7 of that millisecond, so that ids sort as the jobs were made."""
    milliseconds = int(moment.timestamp() * 1000)
    value = milliseconds << 80 | 0x7 << 76 | dice.getrandbits(12) << 64 | 0b10 << 62 | dice.getrandbits(62)
    return uuid.UUID(int=value)


def write(
    story: Story,
    fate: Fate,
    *,
    tenant: Tenant,
    place: Place,
    created: datetime,
    dice: random.Random,
    replay_of: Job | None = None,
) -> Job:
    """Create the job with its media, attempts and events."""
    media = services.ingest(tenant=tenant, data=story.picture.png, filename=story.picture.name)
    bound, outcome = outcome_of(story, media)
    job = Job(
        id=id_at(created, dice),
        tenant=tenant,
        kind=story.kind,
        model="default",
        input=bound,
        params=story.params,
        images=[media.pixel_sha256],
        tags=[*story.tags],
        retention_s=7 * 86400,
        status=fate.status,
        queue=queue_name(story.kind, "default"),
        turn=int(created.timestamp()),
        created_at=created,
        replay_of=replay_of.pk if replay_of else None,
    )
    worker = f"{story.kind}-{place.gpu}@{place.host}"
    rows = _Rows(job=job, worker=worker, place=place, at=created, dice=dice)
    rows.event("job.queued")
    fatal = len(fate.troubles) if fate.status in (Status.FAILED, Status.QUARANTINED) else 0
    for number, trouble in enumerate(fate.troubles, start=1):
        rows.failed(trouble, last=number == fatal)
    if fate.status is Status.RUNNING:
        rows.claimed()
    elif fate.status in (Status.SUCCEEDED, Status.INCOMPLETE):
        rows.ended(outcome, fate.status)
    elif fate.status in (Status.CANCELLED, Status.EXPIRED):
        rows.stopped(fate.status, fate.actor)
    job.save(force_insert=True)
    JobMedia.objects.create(job=job, media=media)
    Attempt.objects.bulk_create(rows.attempts)
    JobEvent.objects.bulk_create(rows.events)
    JobMedia.objects.create(job=job, media=media)
    JobTag.objects.bulk_create([JobTag(tenant=tenant, job=job, tag=tag) for tag in story.tags])
    Failure.objects.bulk_create(
        [
            Failure(
                fingerprint=attempt.fingerprint,
                job_id=job.pk,
                run=attempt.run,
                tenant_id=tenant.pk,
                kind=job.kind,
                model=job.model,
                group=attempt.group,
                at=attempt.ended_at,
            )
            for attempt in rows.attempts
            if attempt.fingerprint and attempt.ended_at is not None
        ]
    )
    return job


class _Rows:
    """The rows as they come into being, and the clock that walks along."""

    def __init__(self, *, job: Job, worker: str, place: Place, at: datetime, dice: random.Random) -> None:
        self.job, self.worker, self.place, self.at, self.dice = job, worker, place, at, dice
        self.attempts: list[Attempt] = []
        self.events: list[JobEvent] = []

    def event(self, type: str, actor: str = "", **data: Any) -> None:
        self.events.append(
            JobEvent(job=self.job, type=type, run=self.job.run, at=self.at, actor=actor, data=data)
        )

    def pass_time(self, least: float, most: float) -> float:
        seconds = self.dice.uniform(least, most)
        self.at += timedelta(seconds=seconds)
        return seconds

    def claimed(self) -> Attempt:
        self.pass_time(0.02, {"gui": 0.6, "chat": 2.5, "ocr": 14.0}[self.job.kind])
        job = self.job
        job.run += 1
        job.fence += 1
        job.worker, job.group, job.claimed_at = self.worker, self.place.group, self.at
        attempt = Attempt(
            job=job,
            run=job.run,
            fence=job.fence,
            worker=self.worker,
            group=self.place.group,
            engine="http://127.0.0.1:8101/v1",
            celery_task_id=str(uuid.UUID(int=self.dice.getrandbits(128), version=4)),
            started_at=self.at,
        )
        self.attempts.append(attempt)
        self.event("job.started", actor=self.worker)
        return attempt

    def failed(self, trouble: Trouble, *, last: bool) -> None:
        attempt = self.claimed()
        self.pass_time(0.3, 4.0)
        attempt.outcome, attempt.ended_at, attempt.phase = trouble.outcome, self.at, trouble.phase
        attempt.error_code, attempt.error_type = trouble.code, trouble.error_type
        attempt.message, attempt.frames = trouble.message, list(trouble.frames)
        attempt.said = list(trouble.said) or None
        attempt.fingerprint = hashlib.sha256(trouble.message.encode()).hexdigest()[:16]
        job = self.job
        if trouble.outcome is AttemptOutcome.CRASH:
            job.crashes += 1
        elif trouble.outcome is AttemptOutcome.TRANSIENT:
            job.tries += 1
        if not last:
            self.event("job.attempt_failed", code=trouble.code, outcome=trouble.outcome)
            if job.status == Status.QUEUED:
                job.parked_until = self.at + timedelta(minutes=30)
            return
        job.ended_at = self.at
        retryable = trouble.outcome is not AttemptOutcome.PERMANENT
        job.error = {"code": trouble.code, "message": trouble.message, "retryable": retryable}
        self.event(f"job.{job.status}", code=trouble.code)

    def ended(self, outcome: Outcome, status: Status) -> None:
        attempt = self.claimed()
        job = self.job
        waited = (self.at - job.created_at).total_seconds() * 1000
        prepare, ttft = self.dice.uniform(8, 40), self.dice.uniform(60, 320)
        decode = self.dice.uniform(150, {"gui": 700, "chat": 2500, "ocr": 6000}[job.kind])
        timings = {"prepare": prepare, "ttft": ttft, "decode": decode, "total": prepare + ttft + decode + 6.0}
        timings = {name: round(value, 2) for name, value in timings.items()}
        self.at += timedelta(milliseconds=timings["total"])
        usage = {"input_tokens": 1180, "image_tokens": 1020, "output_tokens": int(decode / 9)}
        attempt.outcome = (
            AttemptOutcome.SUCCEEDED if status is Status.SUCCEEDED else AttemptOutcome.INCOMPLETE
        )
        attempt.ended_at, attempt.timings, attempt.usage = self.at, timings, usage
        job.ended_at, job.output, job.finish_reason = self.at, outcome.output, outcome.finish_reason
        job.served_from, job.usage, job.timings = "engine", usage, {"queue": round(waited, 2), **timings}
        self.event(f"job.{status}")

    def stopped(self, status: Status, actor: str) -> None:
        self.pass_time(1, 20)
        self.job.ended_at = self.at
        word = "The job was cancelled." if status is Status.CANCELLED else "Its deadline passed in the queue."
        self.job.error = {"code": str(status), "message": word, "retryable": True}
        self.event(f"job.{status}", actor=actor)

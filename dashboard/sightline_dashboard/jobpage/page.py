"""All that one job's page shows, gathered with a fixed number of queries."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sightline import ids
from sightline.jobs.models import Attempt, Job, JobEvent
from sightline.jobs.services.retry import RETRYABLE
from sightline.jobs.status import ACTIVE
from sightline_dashboard.flower import task_url
from sightline_dashboard.job_link import job_link
from sightline_dashboard.jobpage import chat, gui, ocr
from sightline_dashboard.jobpage.follow import follow_url
from sightline_dashboard.jobpage.images import Shown, shown
from sightline_dashboard.jobpage.model_texts import ModelText, model_texts
from sightline_dashboard.jobpage.phases import Waterfall, waterfall
from sightline_dashboard.jobpage.related import Related, related
from sightline_dashboard.jobpage.request import Request, request_of

MOST_ATTEMPTS = 50
MOST_EVENTS = 200

# A kind that is not here still has a page, with its output as JSON.
RESULTS: dict[str, tuple[str, Callable[[Job, list[Shown]], Any]]] = {
    "gui": ("sightline_dashboard/job/gui.html", gui.draw),
    "ocr": ("sightline_dashboard/job/ocr.html", ocr.draw),
    "chat": ("sightline_dashboard/job/chat.html", chat.draw),
}


@dataclass(frozen=True, kw_only=True)
class Row:
    """One attempt with its address in Flower."""

    attempt: Attempt
    took_ms: float | None
    flower_url: str


@dataclass(frozen=True, kw_only=True)
class Page:
    """What the template reads."""

    job: Job
    images: list[Shown]
    template: str
    result: Any
    waterfall: Waterfall | None
    attempts: list[Row]
    events: list[JobEvent]
    related: Related
    request: Request
    said: list[ModelText]
    facts: list[tuple[str, Any]]
    wait_ms: float | None
    run_ms: float | None
    can_cancel: bool
    can_retry: bool
    can_edit: bool
    answered_by: str
    """How, when no engine did it for this job; else empty."""
    can_replay: bool
    live: bool
    follow: str
    """Where its next event is told; empty once it has ended."""


def build(job: Job, *, base_url: str) -> Page:
    """`base_url` is where the API is reached, for the curl command. Loads attempts, events and media."""
    images = shown(job)
    template, draw = RESULTS.get(job.kind, ("sightline_dashboard/job/other.html", lambda job, images: None))
    attempts = [_row(attempt) for attempt in job.attempts.order_by("-run")[:MOST_ATTEMPTS]]
    return Page(
        job=job,
        images=images,
        template=template,
        result=draw(job, images),
        waterfall=waterfall(job.timings),
        attempts=attempts,
        events=list(job.events.order_by("-id")[:MOST_EVENTS]),
        related=related(job, fingerprints=[row.attempt.fingerprint for row in attempts]),
        request=request_of(job, images, base_url=base_url),
        said=model_texts(job),
        facts=_facts(job),
        wait_ms=_between(job.created_at, job.claimed_at),
        run_ms=_between(job.claimed_at, job.ended_at),
        can_cancel=job.status in ACTIVE,
        can_retry=job.status in RETRYABLE and job.erased_at is None,
        can_edit=job.status in RETRYABLE and job.erased_at is None and job.session is None,
        answered_by=_SERVED.get(job.served_from, ""),
        can_replay=job.erased_at is None,
        live=job.status in ACTIVE,
        follow=follow_url(job),
    )


_SERVED = {
    "cache": "from the cache",
    "near": "from the near cache",
    "coalesced": "by the job that it followed",
}


def _row(attempt: Attempt) -> Row:
    return Row(
        attempt=attempt,
        took_ms=_between(attempt.started_at, attempt.ended_at),
        flower_url=task_url(attempt.celery_task_id) if attempt.celery_task_id else "",
    )


def _between(start: Any, end: Any) -> float | None:
    return (end - start).total_seconds() * 1000 if start and end else None


def _facts(job: Job) -> list[tuple[str, Any]]:
    """Names and values of the strip below the title; what is empty is left out."""
    usage = job.usage or {}
    tokens = f"{usage['input_tokens']} in · {usage['output_tokens']} out" if usage else ""
    if usage.get("image_tokens"):
        tokens += f" · {usage['image_tokens']} image"
    facts: list[tuple[str, Any]] = [
        ("Kind", job.kind),
        ("Model", job.model),
        ("Tenant", job.tenant.name),
        ("API key", job.api_key.name if job.api_key else ""),
        ("Queue", job.queue),
        ("Group", job.group),
        ("Runs", f"{job.run} ({job.tries} of {job.max_attempts} tries spent, {job.crashes} crashes)"),
        ("Tokens", tokens),
        ("Finish", job.finish_reason),
        ("Served from", job.served_from),
        ("Suspect", "reruns alone: it was aboard an engine that died" if job.suspect else ""),
        ("Answer of", job_link(job.source) if job.source else ""),
        ("Session", ids.encode(ids.SESSION, job.session) if job.session else ""),
        ("Parked until", job.parked_until if job.source is None else None),
        ("Deadline", job.deadline_at),
        ("Tags", ", ".join(str(tag) for tag in job.tags)),
        ("Created", job.created_at),
        ("Ended", job.ended_at),
        ("Erased", job.erased_at),
    ]
    return [(name, value) for name, value in facts if value not in ("", None)]

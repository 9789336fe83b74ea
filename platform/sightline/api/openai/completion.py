"""An ended chat job as OpenAI's chat.completion, or as the error that it ended with."""

from typing import Any
from uuid import UUID

from sightline import ids
from sightline.api.native.representation import cached, in_session
from sightline.api.openai.request import tier
from sightline.errors import FieldError, NotFound, Problem
from sightline.jobs.models import Job
from sightline.jobs.status import Status

PREFIX = "chatcmpl"

_OURS = frozenset({"internal_error", "media_missing", "model_unknown", "output_unparseable"})
"""Permanent failures that no other request would have avoided."""
_STATUSES = {Status.CANCELLED: 409, Status.EXPIRED: 504, Status.QUARANTINED: 400}


def public_id(job: Job) -> str:
    """`chatcmpl-01J…`, the job's id in OpenAI's spelling."""
    return f"{PREFIX}-" + ids.encode(ids.JOB, job.pk).partition("_")[2]


def job_id(text: str) -> UUID:
    """The job behind an id; 404 for what can be none."""
    head, _, tail = text.partition("-")
    try:
        if head != PREFIX:
            raise ids.InvalidId(text)
        return ids.decode(ids.JOB, f"{ids.JOB}_{tail}")
    except ids.InvalidId as error:
        raise NotFound(f"There is no completion {text[:60]}.") from error


def completion(job: Job) -> dict[str, Any]:
    """The chat.completion of a job that ended with output. Raises `failure(job)` for any other one."""
    if job.output is None:
        raise failure(job)
    return {**job.output, **head(job), "object": "chat.completion"}


def head(job: Job) -> dict[str, Any]:
    """What the completion and each of its chunks have in common."""
    return {
        "id": public_id(job),
        "created": int(job.created_at.timestamp()),
        "model": job.model,
        "service_tier": tier(job),
        "sightline": {
            "job": job.public_id,
            **(_origin(job) if job.ended else {}),
            **({"session": seen} if (seen := in_session(job)) else {}),
        },
    }


def _origin(job: Job) -> dict[str, Any]:
    return {"served_from": job.served_from or None, "cache": cached(job)}


def failure(job: Job, *, here: str = "") -> Problem:
    """Why a job ended without output; 504 for one that has not ended, with where it will be read."""
    if not job.ended:
        here = here or f"/v1/chat/completions/{public_id(job)}"
        detail = f"The answer takes longer than a request may wait. It goes on: GET {here}."
        return Problem(detail, code="timeout", status=504, retryable=True)
    error: dict[str, Any] = job.error or {}
    code, message = (
        str(error.get("code", job.status)),
        str(error.get("message", f"The job was {job.status}.")),
    )
    status = _STATUSES.get(Status(job.status))
    if status is None:
        status = 503 if error.get("retryable") else 500 if code in _OURS else 400
    pointer = error.get("pointer")
    errors = [FieldError(pointer=pointer, detail=message)] if pointer else []
    return Problem(message, code=code, status=status, retryable=bool(error.get("retryable")), errors=errors)

"""What a response follows: the messages of the one before it, which hold those of all before that one."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection

from sightline.api.openai.names import response_id
from sightline.errors import FieldError, InvalidInput, NotFound
from sightline.jobs.models import Job
from sightline.media import services as media
from sightline.responses.models import Response
from sightline.tenants.models import Tenant

Json = dict[str, Any]

LONGEST = 2000
"""Responses in one chain; a chat has no more messages."""


@dataclass(frozen=True, kw_only=True)
class Said:
    """What was said before."""

    previous: UUID
    """The job of the response that is followed."""
    messages: list[Json]
    """OpenAI's chat messages, without instructions."""


class PreviousNotFound(InvalidInput):
    """There is nothing to follow (400)."""

    code = "previous_response_not_found"

    def __init__(self, detail: str) -> None:
        super().__init__(detail, errors=[FieldError(pointer="/previous_response_id", detail=detail)])


def follow(*, tenant: Tenant, public_id: str) -> Said:
    """What the response with this id, and all that it follows, said; `PreviousNotFound` when one of them is gone."""
    try:
        job_id = response_id(public_id)
    except NotFound as error:
        raise PreviousNotFound(error.detail) from error
    row = Response.objects.select_related("job").filter(job_id=job_id, job__tenant=tenant, store=True).first()
    if row is None:
        raise PreviousNotFound(f"There is no response {public_id[:60]}, or it was not stored.")
    if _gone(job_id):
        raise PreviousNotFound(
            f"The response {public_id[:60]}, or one that it follows, was deleted: send its messages as input."
        )
    if row.job.output is None:
        raise PreviousNotFound(f"The response {public_id[:60]} has no output: it is {row.job.status}.")
    return Said(previous=job_id, messages=[*_asked(row.job, instructed=row.instructed), _answered(row.job)])


def _gone(job_id: UUID) -> bool:
    """Was any response of the chain that ends here deleted?

    The texts of a deleted one stand in the jobs that followed it until these are deleted; nobody is to bring them
    into a new one.
    """
    postgres = connection.vendor == "postgresql"
    with connection.cursor() as cursor:
        cursor.execute(
            _CHAIN.replace("@first", "CAST(%s AS uuid)" if postgres else "%s"),
            [str(job_id) if postgres else job_id.hex, LONGEST],
        )
        return int(cursor.fetchone()[0]) > 0


_CHAIN = """
WITH RECURSIVE chain(id, depth) AS (
  SELECT @first, 0
  UNION ALL
  SELECT r.previous, depth + 1 FROM chain JOIN responses_response r ON r.job_id = chain.id
  WHERE r.previous IS NOT NULL AND depth < %s)
SELECT COUNT(*) FROM chain LEFT JOIN jobs_job j ON j.id = chain.id WHERE j.id IS NULL OR j.erased_at IS NOT NULL
"""


def _asked(job: Job, *, instructed: bool) -> list[Json]:
    """The messages of a stored job with its images named by their uploads."""
    messages: list[Json] = job.input["messages"][1 if instructed else 0 :]
    digests = [
        part["media"]["sha256"]
        for message in messages
        if isinstance(message.get("content"), list)
        for part in message["content"]
        if part["type"] == "image"
    ]
    known = media.by_sha256(tenant_id=job.tenant_id, digests=digests) if digests else {}
    missing = [digest for digest in digests if digest not in known]
    if missing:
        raise PreviousNotFound("An image of the response that is to be followed was erased.")
    return [
        {
            **message,
            "content": [
                {"type": "image_url", "image_url": {"upload_id": known[part["media"]["sha256"]].public_id}}
                if part["type"] == "image"
                else part
                for part in message["content"]
            ],
        }
        if isinstance(message.get("content"), list)
        else message
        for message in messages
    ]


def _answered(job: Job) -> Json:
    message: Json = (job.output or {})["choices"][0]["message"]
    said: Json = {"role": "assistant", "content": message.get("content")}
    if message.get("tool_calls"):
        said["tool_calls"] = message["tool_calls"]
    elif said["content"] is None:
        said["content"] = ""
    return {name: value for name, value in said.items() if value is not None}

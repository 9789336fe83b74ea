"""Public ids in OpenAI's spelling: `file-01J…`, `batch_01J…`, `resp_01J…`."""

from uuid import UUID

from sightline import ids
from sightline.errors import NotFound
from sightline.jobs.models import Job

RESPONSE = "resp"


def file_id(text: str) -> UUID:
    """The file behind an id; 404 for what can be none."""
    head, dash, tail = text.partition("-")
    return _decode(ids.FILE, f"{head}_{tail}" if dash else text, "file", text)


def batch_id(text: str) -> UUID:
    """The batch behind an id; 404 for what can be none."""
    return _decode(ids.BATCH, text, "batch", text)


def response_id(text: str) -> UUID:
    """The job behind the id of a response; 404 for what can be none."""
    return _decode(RESPONSE, text, "response", text)


def of_response(job_id: UUID) -> str:
    """`resp_01J…`, the job's id under another prefix."""
    return ids.encode(RESPONSE, job_id)


def of_file(pk: UUID) -> str:
    """`file-01J…`, as OpenAI writes it."""
    return ids.encode(ids.FILE, pk).replace("_", "-", 1)


def tail(job: Job) -> str:
    """The 26 characters that a job's id and everything of it has in common."""
    return job.public_id.partition("_")[2]


def _decode(prefix: str, text: str, noun: str, shown: str) -> UUID:
    try:
        return ids.decode(prefix, text)
    except ids.InvalidId as error:
        raise NotFound(f"There is no {noun} {shown[:60]}.") from error

"""The lines of a batch: OpenAI's requests in, OpenAI's answers out."""

import json
from typing import Any

from sightline.api import strict_json
from sightline.api.authentication import Principal
from sightline.api.native.intake import submission
from sightline.api.openai import error
from sightline.api.openai import request as chat
from sightline.api.openai import response_request as responses
from sightline.api.openai.completion import completion, failure
from sightline.api.openai.images import Uploads
from sightline.api.openai.names import tail
from sightline.api.openai.request import Common
from sightline.api.openai.response_object import shown
from sightline.batches.models import Batch, Line
from sightline.batches.services.work import CANCELLED, EXPIRED
from sightline.batches.surface import Request
from sightline.errors import FieldError, InvalidInput, Problem
from sightline.jobs.models import Job
from sightline.jobs.status import Status
from sightline.responses.models import Response

CHAT = "/v1/chat/completions"
RESPONSES = "/v1/responses"
ENDPOINTS = (CHAT, RESPONSES)

LONGEST_NAME = 512
_FIELDS = ("custom_id", "method", "url", "body")

Json = dict[str, Any]


class Lines:
    """The `Surface` of `/v1`."""

    def read(self, *, batch: Batch, raw: bytes) -> Request:
        """The request of a line, or the refusal that its endpoint would have answered."""
        name = ""
        try:
            line = strict_json.loads(raw)
            name = _name(line)
            return _request(batch, name, _body(batch, line))
        except Problem as problem:
            if isinstance(problem, strict_json.InvalidJson) and not name:
                return Request(error={"code": "invalid_json_line", "message": problem.detail})
            if problem.status >= 500 and problem.retryable:
                raise  # ours, and it passes: the line is read again
            refused = {"status": error.status(problem), "body": error.document(problem)}
            return Request(custom_id=name, error=refused)

    def name(self, raw: bytes) -> str:
        """The custom_id of a line that will not run."""
        try:
            return _name(strict_json.loads(raw))
        except Problem:
            return ""

    def unused(self, batch: Batch) -> tuple[str, ...]:
        """A chat's answer repeats nothing of what was asked; a response does."""
        return ("images", "tags") if batch.endpoint == RESPONSES else ("input", "params", "images", "tags")

    def write(self, *, batch: Batch, line: Line, job: Job | None) -> bytes:
        """A line of the results or errors."""
        response: Json | None = None
        problem: Json | None = None
        if job is None:
            found = line.error or {"code": "gone", "message": "The job of this line is no longer kept."}
            if "status" in found:
                response = {"status_code": found["status"], "request_id": None, "body": found["body"]}
            else:
                problem = found
        elif job.output is not None:
            response = {"status_code": 200, "request_id": job.public_id, "body": _answer(batch, job)}
        else:
            problem = _unexecuted(batch, job)
            if problem is None:
                why = failure(job)
                body = error.document(why)
                response = {"status_code": error.status(why), "request_id": job.public_id, "body": body}
        shown_line = {
            "id": f"batch_req_{tail(job)}" if job else f"batch_req_{tail_of(batch)}_{line.number}",
            "custom_id": line.custom_id or None,
            "line": line.number,
            "response": response,
            "error": problem,
        }
        return (
            json.dumps(shown_line, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
            + b"\n"
        )


def tail_of(batch: Batch) -> str:
    """The 26 characters of a batch's id."""
    return batch.public_id.partition("_")[2]


def _name(line: Any) -> str:
    name = line.get("custom_id") if isinstance(line, dict) else None
    if not isinstance(name, str) or not 1 <= len(name) <= LONGEST_NAME or not name.isprintable():
        raise _refused("custom_id", f"custom_id is a text of 1 to {LONGEST_NAME} printable characters.")
    return name


def _body(batch: Batch, line: Json) -> Json:
    unknown = next((field for field in line if field not in _FIELDS), None)
    if unknown is not None:
        detail = f"There is no field {unknown[:100]!r} here."
        raise InvalidInput(
            detail, code="unknown_field", errors=[FieldError(pointer=f"/{unknown[:100]}", detail=detail)]
        )
    if line.get("method") != "POST":
        raise _refused("method", "method is POST.")
    if line.get("url") != batch.endpoint:
        raise _refused("url", f"url is the endpoint of the batch, {batch.endpoint}.")
    body = line.get("body")
    if not isinstance(body, dict):
        raise _refused("body", "body is the request, an object.")
    for name in ("stream", "background"):
        if body.get(name):
            raise _refused(
                f"body/{name}", f"A request of a batch has no {name}: its answer is a line of the results."
            )
    return body


def _request(batch: Batch, name: str, body: Json) -> Request:
    if batch.api_key is None:
        raise Problem("The key that made the batch was deleted.", code="not_authenticated", status=401)
    principal = Principal(key=batch.api_key, tenant=batch.tenant)
    if batch.endpoint == CHAT:
        asked = chat.read(body)
        job = chat.job_body(asked, Uploads(tenant=batch.tenant))
        return Request(
            custom_id=name, submission=submission(principal=principal, body=job, seats=_seats(batch, asked))
        )
    wanted = responses.read(body, tenant=batch.tenant)
    try:
        seats = _seats(batch, wanted.request)
        accepted = submission(principal=principal, body=wanted.body, seats=seats)
    except Problem as problem:
        raise responses.renamed(problem) from problem.__cause__
    return Request(custom_id=name, submission=accepted, beside=wanted.beside)


def _seats(batch: Batch, asked: Common) -> str:
    """The request's own choice, else the batch's: other people's chats do not wait behind ten thousand lines."""
    if asked.names_seats:
        return asked.seats
    return "" if batch.seats == "chat" else batch.seats


def _answer(batch: Batch, job: Job) -> Json:
    if batch.endpoint == CHAT:
        return completion(job)
    row: Response | None = getattr(job, "response", None)
    return shown(job, row or Response(job_id=job.pk))


def _unexecuted(batch: Batch, job: Job) -> Json | None:
    """The error of a line that the batch took back; None when its job ended by itself."""
    if job.status == Status.CANCELLED and batch.cancelling_at is not None:
        return CANCELLED
    over = job.status == Status.EXPIRED and job.ended_at is not None and job.ended_at >= batch.expires_at
    return EXPIRED if over else None


def _refused(field: str, detail: str) -> InvalidInput:
    return InvalidInput(detail, errors=[FieldError(pointer=f"/{field}", detail=detail)])

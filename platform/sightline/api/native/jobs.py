"""`/api/v1/jobs`: create, list, read, erase."""

import hashlib
from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.http import HttpResponse
from rest_framework.request import Request

from sightline.api import waits
from sightline.api.native import documents
from sightline.api.native.form import read_form
from sightline.api.native.intake import accept, first_answer
from sightline.api.native.listing import page
from sightline.api.native.representation import accepted, full, path
from sightline.api.native.view import NativeView, answer
from sightline.api.parsers import FormParser, StrictJSONParser, json_body
from sightline.database import statements
from sightline.errors import Problem
from sightline.jobs.models import Attempt, Job
from sightline.jobs.services.erase import erase
from sightline.jobs.services.submit import Replayed


class OutputExpired(Problem):
    code, status = "output_expired", 410


class JobsView(NativeView):
    """The jobs of a tenant."""

    parser_classes = [StrictJSONParser, FormParser]
    scopes = {**NativeView.scopes, "POST": "submit"}

    @documents.create
    def post(self, request: Request) -> HttpResponse:
        files: dict[str, UploadedFile[Any]] = {}
        if (request.content_type or "").lower().startswith("multipart/"):
            body, files = read_form(request.POST, request.FILES)
        else:
            body = json_body(request)
        key = request.META.get("HTTP_IDEMPOTENCY_KEY")
        return submitted(request, accept(principal=self.principal, body=body, files=files, key=key))

    @documents.listing
    def get(self, request: Request) -> HttpResponse:
        return answer(page(tenant=self.principal.tenant, query=request.query_params))


class JobView(NativeView):
    """One job."""

    scopes = {**NativeView.scopes, "DELETE": "submit"}

    @documents.read
    def get(self, request: Request, public_id: str) -> HttpResponse:
        seconds = waits.wanted(request)
        job = self.job(public_id)
        refuse_erased(job)
        shown = full(job, attempts=statements.rows(Attempt, order="run", job_id=job.pk) if job.run else ())
        if not job.ended and (seconds or waits.is_reread(request)):
            return waits.hold(answer(shown), job_id=job.pk, seconds=seconds or 0, path=path(job))
        return _conditional(request, answer(shown))

    @documents.erase
    def delete(self, request: Request, public_id: str) -> HttpResponse:
        erase(job=self.job(public_id), actor=self.principal.actor)
        return HttpResponse(status=204)


def submitted(request: Request, job: Job | Replayed) -> HttpResponse:
    """The answer to a submission: 202, 200 when it has ended, or the first answer under the same key."""
    if isinstance(job, Replayed):
        location = job.response.get("links", {}).get("self", "")
        headers = {"Idempotent-Replayed": "true", "Location": location}
        return answer(job.response, status=job.status, headers=headers)
    if job.ended:  # out of the cache
        return answer(first_answer(job), headers={"Location": path(job)})
    response = answer(accepted(job), status=202, headers={"Location": path(job), "Retry-After": "1"})
    seconds = waits.preferred(request)
    return waits.hold(response, job_id=job.pk, seconds=seconds, path=path(job)) if seconds else response


def refuse_erased(job: Job) -> None:
    """410 for what is only a tombstone."""
    if job.erased_at is not None:
        raise OutputExpired(f"The job was erased; it had {job.status}.")


def _conditional(request: Request, response: HttpResponse) -> HttpResponse:
    """The response with its ETag, or 304 when the client has it already (RFC 9110, weak comparison)."""
    tag = f'"{hashlib.sha256(response.content).hexdigest()[:32]}"'
    known: Any = request.META.get("HTTP_IF_NONE_MATCH", "")
    if known.strip() == "*" or tag in [item.strip().removeprefix("W/") for item in known.split(",")]:
        response = HttpResponse(status=304)
        del response.headers["Content-Type"]
    response.headers["ETag"] = tag
    return response

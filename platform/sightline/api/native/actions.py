"""What can be done to a job: cancel, retry, explain; and its images."""

from django.http import HttpResponse
from rest_framework.request import Request

from sightline.api.native import documents
from sightline.api.native.explanation import explain
from sightline.api.native.jobs import refuse_erased
from sightline.api.native.representation import accepted, full, path
from sightline.api.native.view import NativeView, answer
from sightline.api.parsers import json_body
from sightline.errors import InvalidInput, NotFound
from sightline.jobs.services.cancel import cancel
from sightline.jobs.services.retry import retry
from sightline.kinds.images import bound_media
from sightline.media import services as media


class CancelView(NativeView):
    """Cancelling."""

    scopes = {"POST": "submit"}

    @documents.cancel
    def post(self, request: Request, public_id: str) -> HttpResponse:
        job = self.job(public_id)
        aborting = cancel(job=job, actor=self.principal.actor)
        job.refresh_from_db()
        return answer(full(job, attempts=job.attempts.all()), status=202 if aborting else 200)


class RetryView(NativeView):
    """Running once more."""

    scopes = {"POST": "submit"}

    @documents.retry
    def post(self, request: Request, public_id: str) -> HttpResponse:
        job = self.job(public_id)
        refuse_erased(job)
        _refuse_changes(request)
        job = retry(job=job, actor=self.principal.actor)
        return answer(accepted(job), status=202, headers={"Location": path(job), "Retry-After": "1"})


def _refuse_changes(request: Request) -> None:
    """A retry runs the job as it is. Dropped silently, a change would look as if it had been made."""
    if request.META.get("CONTENT_LENGTH") in (None, "", "0"):
        return
    changes = json_body(request)
    if changes not in ({}, None):
        raise InvalidInput(
            "A retry takes no changes; POST …/replay makes a new job with them.", code="unknown_field"
        )


class ExplainView(NativeView):
    """Why a job waits."""

    @documents.explain
    def get(self, request: Request, public_id: str) -> HttpResponse:
        job = self.job(public_id)
        refuse_erased(job)
        return answer(explain(job))


class JobMediaView(NativeView):
    """The images of a job, for its owner."""

    @documents.media
    def get(self, request: Request, public_id: str, index: int) -> HttpResponse:
        job = self.job(public_id)
        refuse_erased(job)
        images = bound_media(job.input)
        if index >= len(images):
            raise NotFound(f"The job has {len(images)} images; they count from 0.")
        digest = images[index]["sha256"]
        stored = media.by_sha256(tenant_id=job.tenant_id, digests=[digest]).get(digest)
        if stored is None:
            raise NotFound("The image is no longer kept.")
        return HttpResponse(
            media.open_bytes(stored),
            content_type=stored.stored_mime,
            headers={"Cache-Control": "private, max-age=3600, immutable", "Content-Disposition": "inline"},
        )

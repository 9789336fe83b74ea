"""What can be done to a job: cancel, retry, explain; and its images."""

from django.http import HttpResponse
from rest_framework.request import Request

from sightline.api.native import documents
from sightline.api.native.explanation import explain
from sightline.api.native.intake import refuse_forbidden
from sightline.api.native.jobs import refuse_erased
from sightline.api.native.representation import accepted, full, path
from sightline.api.native.request import Model, validate
from sightline.api.native.retrying import retry_asked
from sightline.api.native.schemas import Move, Reason, Retry
from sightline.api.native.view import NativeView, answer
from sightline.api.parsers import json_body
from sightline.errors import NotFound
from sightline.jobs.models import Job
from sightline.jobs.services.cancel import cancel
from sightline.jobs.services.expire import expire
from sightline.jobs.services.move import move
from sightline.jobs.services.set_aside import quarantine, release
from sightline.kinds.images import bound_media
from sightline.media import services as media


class CancelView(NativeView):
    """Cancelling."""

    scopes = {"POST": "submit"}

    @documents.cancel
    def post(self, request: Request, public_id: str) -> HttpResponse:
        job = self.job(public_id)
        aborting = cancel(job=job, actor=self.principal.actor, reason=_asked(Reason, request).reason)
        job.refresh_from_db()
        return answer(full(job, attempts=job.attempts.all()), status=202 if aborting else 200)


class RetryView(NativeView):
    """Running once more, perhaps with another input."""

    scopes = {"POST": "submit"}

    @documents.retry
    def post(self, request: Request, public_id: str) -> HttpResponse:
        job = self.job(public_id)
        refuse_erased(job)
        changes = _asked(Retry, request)
        return queued_again(retry_asked(sender=self.principal, job=job, changes=changes))


class ExpireView(NativeView):
    """Ending what would come too late."""

    scopes = {"POST": "submit"}

    @documents.expire
    def post(self, request: Request, public_id: str) -> HttpResponse:
        job = self.job(public_id)
        aborting = expire(job=job, actor=self.principal.actor, reason=_asked(Reason, request).reason)
        job.refresh_from_db()
        return answer(full(job, attempts=job.attempts.all()), status=202 if aborting else 200)


class MoveView(NativeView):
    """Changing whose seats a job takes."""

    scopes = {"POST": "submit"}

    @documents.move
    def post(self, request: Request, public_id: str) -> HttpResponse:
        job = self.job(public_id)
        asked = validate(Move, json_body(request))
        refuse_forbidden(self.principal.key, {asked.seats}, job.model)
        job = move(job=job, seats=asked.seats, actor=self.principal.actor, reason=asked.reason)
        return answer(full(job, attempts=job.attempts.all()))


class QuarantineView(NativeView):
    """Setting a job aside."""

    scopes = {"POST": "admin"}

    @documents.quarantine
    def post(self, request: Request, public_id: str) -> HttpResponse:
        reason = _asked(Reason, request).reason
        job = quarantine(job=self.job(public_id), actor=self.principal.actor, reason=reason)
        return answer(full(job, attempts=job.attempts.all()))


class ReleaseView(NativeView):
    """Taking it back in."""

    scopes = {"POST": "admin"}

    @documents.release
    def post(self, request: Request, public_id: str) -> HttpResponse:
        job = self.job(public_id)
        refuse_erased(job)
        reason = _asked(Reason, request).reason
        return queued_again(release(job=job, actor=self.principal.actor, reason=reason))


def queued_again(job: Job) -> HttpResponse:
    """The answer of what makes a job run once more."""
    return answer(accepted(job), status=202, headers={"Location": path(job), "Retry-After": "1"})


def _asked(model: type[Model], request: Request) -> Model:
    """The body as a model; without one, the model without anything."""
    empty = request.META.get("CONTENT_LENGTH") in (None, "", "0")
    body = None if empty else json_body(request)
    return model() if body is None else validate(model, body)


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

"""`/api/v1/jobs/{id}/replay`: a new job made from an old one, with what its owner wants otherwise."""

from typing import Any

from django.http import HttpResponse
from rest_framework.request import Request

from sightline.api.authentication import Sender
from sightline.api.native import documents
from sightline.api.native.intake import accept
from sightline.api.native.jobs import refuse_erased
from sightline.api.native.jobs import submitted as answered
from sightline.api.native.request import validate
from sightline.api.native.schemas import Replay
from sightline.api.native.view import NativeView
from sightline.api.parsers import json_body
from sightline.errors import Conflict
from sightline.jobs.models import Job
from sightline.jobs.services.submit import Replayed
from sightline.kinds.images import bound_media
from sightline.kinds.unbound import requested
from sightline.media import services as media

_EXCLUDES = {"prompt": ("messages",), "messages": ("prompt", "images")}
"""Forms of a chat: who gives one does not want the other."""


class ReplayView(NativeView):
    """Making one more."""

    scopes = {"POST": "submit"}

    @documents.replay
    def post(self, request: Request, public_id: str) -> HttpResponse:
        job = self.job(public_id)
        empty = request.META.get("CONTENT_LENGTH") in (None, "", "0")
        changes = Replay() if empty else validate(Replay, json_body(request))
        key = request.META.get("HTTP_IDEMPOTENCY_KEY")
        return answered(request, replay(sender=self.principal, job=job, changes=changes, key=key))


def replay(*, sender: Sender, job: Job, changes: Replay, key: str | None = None) -> Job | Replayed:
    """A new job of the same tenant, made from this one; the first answer under the same idempotency key.

    A `Problem` for an erased job, for images that are not kept any more, and for changes that make no valid request.
    """
    refuse_erased(job)
    return accept(
        principal=sender,
        body=body(job, changes),
        files={},
        key=key,
        seats=job.seats,
        route=f"POST /api/v1/jobs/{job.public_id}/replay",
        replay_of=job.pk,
    )


def body(job: Job, changes: Replay) -> dict[str, Any]:
    """The request that the new job is made from; it is checked as every other one."""
    asked: dict[str, Any] = {
        "kind": job.kind,
        "model": job.model,
        "params": {**job.params, **changes.params},
        "input": _input(job, changes.input),
        "max_attempts": job.max_attempts,
        "retention_s": job.retention_s,
        "tags": job.tags,
        "metadata": job.metadata,
        "cache": {"mode": "refresh"},
    }
    given = changes.model_dump(exclude_unset=True, exclude={"input", "params"})
    asked |= {name: value for name, value in given.items() if value is not None}
    asked["params"] = {name: value for name, value in asked["params"].items() if value is not None}
    return asked


def _input(job: Job, changes: dict[str, Any]) -> dict[str, Any]:
    digests = [item["sha256"] for item in bound_media(job.input)]
    stored = media.by_sha256(tenant_id=job.tenant_id, digests=digests) if digests else {}
    try:
        kept: dict[str, Any] = requested(
            {name: value for name, value in job.input.items() if name not in changes},
            {digest: row.public_id for digest, row in stored.items()},
        )
    except KeyError as error:
        raise Conflict("An image of this job is not kept any more. Give the images anew in input.") from error
    for name in changes:
        for other in _EXCLUDES.get(name, ()):
            kept.pop(other, None)
    return {**kept, **changes}

"""`/api/v1/queues/{kind}`: what waits, what runs, and the operator's switch."""

from typing import Annotated, Any, Self

from django.conf import settings
from django.http import HttpResponse
from pydantic import BaseModel, ConfigDict, Field, model_validator
from rest_framework.request import Request

from sightline.api.native import documents
from sightline.api.native.representation import moment
from sightline.api.native.request import validate
from sightline.api.native.view import NativeView, answer
from sightline.api.parsers import json_body
from sightline.celery import queue_name
from sightline.errors import NotFound
from sightline.fleet import queues
from sightline.fleet.models import Queue
from sightline.jobs import eta
from sightline.kinds.registry import KINDS
from sightline.kinds.text import STORABLE
from sightline.telemetry import depth


class QueuePatch(BaseModel):
    """What an operator may change."""

    model_config = ConfigDict(extra="forbid", strict=True)

    paused: bool = Field(
        default=False,
        description="true: what runs ends, nothing new starts, jobs are still accepted. false: it goes on.",
    )
    drained: bool = Field(default=False, description="Another word for paused, as of a group.")
    reason: Annotated[str, STORABLE] = Field(
        default="", max_length=500, description="For the audit's record."
    )

    @model_validator(mode="after")
    def _one_word(self) -> Self:
        if len(self.model_fields_set & {"paused", "drained"}) != 1:
            raise ValueError("say paused, or drained, which is the same")
        return self


class QueueView(NativeView):
    """One queue: a kind, of the model that `?model=` names."""

    scopes = {**NativeView.scopes, "PATCH": "admin"}

    @documents.queue
    def get(self, request: Request, kind: str) -> HttpResponse:
        return answer(_shown(kind, _tag(request, kind)))

    @documents.queue_patch
    def patch(self, request: Request, kind: str) -> HttpResponse:
        tag = _tag(request, kind)
        patch = validate(QueuePatch, json_body(request))
        change = queues.pause if patch.paused or patch.drained else queues.resume
        change(name=queue_name(kind, tag), actor=self.principal.actor, reason=patch.reason)
        eta.forget()  # who drains reads from the answer what still runs
        return answer(_shown(kind, tag))


def _tag(request: Request, kind: str) -> str:
    tag = request.query_params.get("model", settings.DEFAULT_MODEL)
    if kind not in KINDS or tag not in settings.MODELS:
        raise NotFound(
            "There is no such queue: kinds " + ", ".join(KINDS) + "; models " + ", ".join(settings.MODELS)
        )
    return tag


def _shown(kind: str, tag: str) -> dict[str, Any]:
    name = queue_name(kind, tag)
    row = Queue.objects.filter(name=name).first()
    service, waiting = eta.service(name), depth.of(name)
    return {
        "object": "queue",
        "kind": kind,
        "model": tag,
        "queue": name,
        "paused": bool(row and row.paused_at),
        "paused_at": moment(row.paused_at) if row else None,
        "paused_by": row.paused_by if row and row.paused_at else None,
        "depth": waiting.depth,
        "parked": waiting.parked,
        "oldest_age_s": waiting.oldest_age_s,
        "in_flight": service.running,
        "seats": service.seats,
        "rate_per_s": service.rate,
    }

"""`/api/v1/near-cache/{kind}`: how often similar pictures got a wrong answer, and the operator's switch."""

from typing import Any, Literal

from django.conf import settings
from django.http import HttpResponse
from drf_spectacular.utils import OpenApiExample, OpenApiParameter
from pydantic import BaseModel, ConfigDict, Field
from rest_framework.request import Request

from sightline.api.native.documents import JSON, operation, problems
from sightline.api.native.representation import moment
from sightline.api.native.request import validate
from sightline.api.native.schemas import Shown
from sightline.api.native.view import NativeView, answer
from sightline.api.parsers import json_body
from sightline.errors import NotFound
from sightline.kinds.registry import KINDS
from sightline.near import switch


class NearPatch(BaseModel):
    """What an operator may change."""

    model_config = ConfigDict(extra="forbid", strict=True)

    serving: bool = Field(
        description="true: hits are served again, and the checks are counted anew. false: none."
    )


class NearState(Shown):
    """The near cache of one kind and model."""

    object: Literal["near_cache"]
    kind: str
    model: str
    serving: bool = Field(description="false: above the budget of false hits, or switched off.")
    off_at: str | None
    off_by: str | None = Field(description="Who switched it off; null when the rate did.")
    checked: int = Field(
        description="Hits of 30 days, or since the last reset, that the engine answered again."
    )
    false: int = Field(description="Those that the engine answered differently.")
    false_rate: float | None = Field(description="false ÷ checked; null before the first check.")
    false_rate_upper: float = Field(description="Its 95 % upper bound (Clopper–Pearson).")
    budget: float = Field(description="Above this share of false hits it switches itself off.")
    sample: float = Field(description="Share of hits that are checked.")


_PARAMETERS = [
    OpenApiParameter("kind", str, OpenApiParameter.PATH, enum=list(KINDS), description="The kind of jobs."),
    OpenApiParameter("model", str, description="Model tag; the default one when left out."),
]
_ANSWER: Any = {(200, JSON): NearState, **problems(404)}


class NearView(NativeView):
    """The near cache of a kind, of the model that `?model=` names."""

    scopes = {**NativeView.scopes, "GET": "admin", "PATCH": "admin"}

    @operation(
        operation_id="getNearCache",
        summary="How often near hits were wrong (scope admin)",
        tags=["queues"],
        parameters=_PARAMETERS,
        responses=_ANSWER,
    )
    def get(self, request: Request, kind: str) -> HttpResponse:
        return answer(_shown(switch.of(kind=kind, model=_tag(request, kind))))

    @operation(
        operation_id="switchNearCache",
        summary="Serve near hits again, or no longer (scope admin)",
        tags=["queues"],
        parameters=_PARAMETERS,
        request={JSON: NearPatch},
        examples=[OpenApiExample("serve", {"serving": True}, request_only=True)],
        responses={**_ANSWER, **problems(400, 413, 415, 422)},
    )
    def patch(self, request: Request, kind: str) -> HttpResponse:
        tag = _tag(request, kind)
        patch = validate(NearPatch, json_body(request))
        actor = self.principal.actor
        return answer(_shown(switch.turn(kind=kind, model=tag, serve=patch.serving, actor=actor)))


def _tag(request: Request, kind: str) -> str:
    tag = request.query_params.get("model", settings.DEFAULT_MODEL)
    if kind not in KINDS or tag not in settings.MODELS:
        raise NotFound(
            "There is no such kind or model: " + ", ".join(KINDS) + "; " + ", ".join(settings.MODELS)
        )
    return tag


def _shown(state: switch.State) -> dict[str, Any]:
    return {
        "object": "near_cache",
        "kind": state.kind,
        "model": state.model,
        "serving": state.on,
        "off_at": moment(state.off_at) if state.off_at else None,
        "off_by": state.off_by or None,
        "checked": state.checked,
        "false": state.false,
        "false_rate": state.rate,
        "false_rate_upper": state.upper,
        "budget": settings.NEAR_BUDGET,
        "sample": settings.NEAR_SAMPLE,
    }

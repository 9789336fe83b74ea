"""`/api/v1/groups`: the GPU groups, and the operator's switch and seats for each."""

from typing import Annotated, Any, Self

from django.http import HttpResponse
from pydantic import BaseModel, ConfigDict, Field, model_validator
from rest_framework.request import Request

from sightline.api.native import documents
from sightline.api.native.representation import moment
from sightline.api.native.request import validate
from sightline.api.native.view import NativeView, answer
from sightline.api.parsers import json_body
from sightline.errors import NotFound
from sightline.fleet import groups, seats
from sightline.fleet.models import Group
from sightline.kinds.text import STORABLE


class GroupPatch(BaseModel):
    """What an operator may change."""

    model_config = ConfigDict(extra="forbid", strict=True)

    drained: bool = Field(
        default=False, description="true: it takes no new job; those aboard end. false: it works again."
    )
    seats: dict[str, Annotated[int, Field(ge=0)] | None] = Field(
        default={},
        description="Seats by kind, all together at most those that it was started with. null: as it was started.",
    )

    reason: Annotated[str, STORABLE] = Field(
        default="", max_length=500, description="For the audit's record."
    )

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.model_fields_set - {"reason"}:
            raise ValueError("name drained or seats")
        return self


class GroupsView(NativeView):
    """All groups."""

    scopes = {**NativeView.scopes, "GET": "admin"}

    @documents.groups
    def get(self, request: Request) -> HttpResponse:
        return answer({"object": "list", "data": [_shown(group) for group in Group.objects.order_by("id")]})


class GroupView(NativeView):
    """One group."""

    scopes = {**NativeView.scopes, "GET": "admin", "PATCH": "admin"}

    @documents.group
    def get(self, request: Request, group_id: str) -> HttpResponse:
        return answer(_shown(_find(group_id)))

    @documents.group_patch
    def patch(self, request: Request, group_id: str) -> HttpResponse:
        _find(group_id)
        patch = validate(GroupPatch, json_body(request))
        if patch.seats:
            seats.change(
                group_id=group_id, seats=patch.seats, actor=self.principal.actor, reason=patch.reason
            )
        if "drained" in patch.model_fields_set:
            switch = groups.drain if patch.drained else groups.undrain
            switch(group_id=group_id, actor=self.principal.actor, reason=patch.reason)
        return answer(_shown(_find(group_id)))


def _find(group_id: str) -> Group:
    group = Group.objects.filter(pk=group_id).first()
    if group is None:
        raise NotFound(f"There is no group {group_id[:150]!r}.")
    return group


def _shown(group: Group) -> dict[str, Any]:
    return {
        "id": group.id,
        "object": "group",
        "model": group.tag,
        "gpus": group.gpus,
        "state": group.state,
        "intake": group.intake,
        "drained": group.drained_at is not None,
        "seats": group.seats,
        "seats_started_with": group.seats_started_with,
        "kv_tokens": group.kv_tokens,
        "restarts": group.restarts,
        "detail": group.detail,
        "readings": group.readings,
        "heartbeat_at": moment(group.heartbeat_at),
    }

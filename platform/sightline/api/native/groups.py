"""`/api/v1/groups`: the GPU groups, and the operator's switch for each."""

from typing import Any

from django.http import HttpResponse
from pydantic import BaseModel, ConfigDict, Field
from rest_framework.request import Request

from sightline.api.native import documents
from sightline.api.native.representation import moment
from sightline.api.native.request import validate
from sightline.api.native.view import NativeView, answer
from sightline.api.parsers import json_body
from sightline.errors import NotFound
from sightline.fleet import groups
from sightline.fleet.models import Group


class GroupPatch(BaseModel):
    """What an operator may change."""

    model_config = ConfigDict(extra="forbid", strict=True)

    drained: bool = Field(description="true: it takes no new job; those aboard end.")


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
        change = groups.drain if patch.drained else groups.undrain
        change(group_id=group_id, actor=self.principal.actor)
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
        "kv_tokens": group.kv_tokens,
        "restarts": group.restarts,
        "detail": group.detail,
        "readings": group.readings,
        "heartbeat_at": moment(group.heartbeat_at),
    }

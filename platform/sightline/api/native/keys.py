"""`/api/v1/keys` and `/api/v1/quotas`: what a tenant may do, and who may do it."""

from datetime import timedelta
from typing import Any

from django.http import HttpResponse
from rest_framework.request import Request

from sightline import clock, ids
from sightline.api.native import key_documents as documents
from sightline.api.native.key_schemas import NewKey, Rotation
from sightline.api.native.representation import moment
from sightline.api.native.request import validate
from sightline.api.native.view import ANY, NativeView, answer
from sightline.api.parsers import json_body
from sightline.errors import NotFound
from sightline.jobs import admission
from sightline.jobs.counters import State
from sightline.kinds.registry import KINDS
from sightline.tenants import keys
from sightline.tenants.models import ApiKey

SELF = "self"


class KeysView(NativeView):
    """The keys of a tenant."""

    scopes = {**NativeView.scopes, "GET": "admin", "HEAD": "admin", "POST": "admin"}

    @documents.keys
    def get(self, request: Request) -> HttpResponse:
        rows = ApiKey.objects.filter(tenant=self.principal.tenant).order_by("-id")
        return answer({"object": "list", "data": [_shown(row) for row in rows.select_related("tenant")]})

    @documents.create
    def post(self, request: Request) -> HttpResponse:
        new = validate(NewKey, json_body(request))
        made = keys.create(
            tenant=self.principal.tenant.name,
            name=new.name,
            kinds=new.kinds,
            model_tags=new.models,
            scopes=new.scopes,
            expires_at=clock.now() + timedelta(seconds=new.expires_in_s) if new.expires_in_s else None,
            actor=self.principal.actor,
        )
        return _made(*made)


class KeyView(NativeView):
    """One key."""

    scopes = {"GET": ANY, "HEAD": ANY, "OPTIONS": ANY, "DELETE": "admin"}

    @documents.key
    def get(self, request: Request, public_id: str) -> HttpResponse:
        return answer(_shown(_found(self, public_id)))

    @documents.revoke
    def delete(self, request: Request, public_id: str) -> HttpResponse:
        keys.revoke(key=_found(self, public_id), actor=self.principal.actor)
        return HttpResponse(status=204)


class RotateKeyView(NativeView):
    """A new key in place of one."""

    scopes = {"POST": ANY}

    @documents.rotate
    def post(self, request: Request, public_id: str) -> HttpResponse:
        key = _found(self, public_id)
        rotation = validate(Rotation, json_body(request)) if _has_body(request) else Rotation()
        return _made(*keys.rotate(key=key, overlap_s=rotation.overlap_s, actor=self.principal.actor))


class QuotasView(NativeView):
    """The quotas of a tenant."""

    scopes = {"GET": ANY, "HEAD": ANY, "OPTIONS": ANY}

    @documents.quotas
    def get(self, request: Request) -> HttpResponse:
        tenant = self.principal.tenant
        shown = [_quota(kind, state) for kind in KINDS for state in admission.use(tenant=tenant, kind=kind)]
        return answer({"object": "list", "data": shown})


def _found(view: NativeView, public_id: str) -> ApiKey:
    """The key that asks, or for an admin any of the tenant's."""
    if public_id == SELF:
        return view.principal.key
    view.require("admin")
    try:
        pk = ids.decode(ids.KEY, public_id)
    except ids.InvalidId as error:
        raise NotFound(f"There is no key {public_id[:60]}.") from error
    row = ApiKey.objects.select_related("tenant").filter(tenant=view.principal.tenant, pk=pk).first()
    if row is None:
        raise NotFound(f"There is no key {public_id[:60]}.")
    return row


def _has_body(request: Request) -> bool:
    return request.META.get("CONTENT_LENGTH") not in (None, "", "0")


def _made(row: ApiKey, text: str) -> HttpResponse:
    location = f"/api/v1/keys/{row.public_id}"
    return answer({**_shown(row), "key": text}, status=201, headers={"Location": location})


def _shown(row: ApiKey) -> dict[str, Any]:
    return {
        "id": row.public_id,
        "object": "api_key",
        "name": row.name,
        "prefix": row.prefix,
        "tenant": row.tenant.name,
        "kinds": row.kinds,
        "models": row.model_tags,
        "scopes": sorted(row.scopes or keys.DEFAULT_SCOPES),
        "created_at": moment(row.created_at),
        "expires_at": moment(row.expires_at),
        "revoked_at": moment(row.revoked_at),
        "last_used_at": moment(row.last_used_at),
        "replaces": ids.encode(ids.KEY, row.replaces_id) if row.replaces_id else None,
    }


def _quota(kind: str, state: State) -> dict[str, Any]:
    bound = state.bound
    return {
        "object": "quota",
        "name": bound.name,
        "kind": kind,
        "limit": bound.most,
        "used": state.used,
        "remaining": state.remaining,
        "unit": bound.unit,
        "window_s": bound.window_s,
        "resets_in_s": state.reset_ms / 1000 if state.reset_ms is not None else None,
    }

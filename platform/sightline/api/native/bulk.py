"""`/api/v1/bulk`: act on many jobs of one's own at once."""

from typing import Any

from django.http import HttpResponse
from rest_framework.request import Request

from sightline import ids
from sightline.api.native import bulk_documents as documents
from sightline.api.native.bulk_schemas import NewBulk
from sightline.api.native.listing import read_limit, refuse_query
from sightline.api.native.representation import moment
from sightline.api.native.request import validate
from sightline.api.native.view import NativeView, answer
from sightline.api.parsers import json_body
from sightline.errors import NotFound
from sightline.triage import bulk as bulks
from sightline.triage.models import Bulk, BulkItem, ItemState
from sightline.triage.verbs import VERBS

_SHOWN = 50


class BulksView(NativeView):
    """The acts of a tenant."""

    scopes = {**NativeView.scopes, "POST": "submit"}

    @documents.bulks
    def get(self, request: Request) -> HttpResponse:
        rows = Bulk.objects.filter(tenant=self.principal.tenant)[:_SHOWN]
        return answer({"object": "list", "data": [_shown(row) for row in rows]})

    @documents.create
    def post(self, request: Request) -> HttpResponse:
        new = validate(NewBulk, json_body(request))
        self.require(VERBS[new.action].scope)
        frozen = bulks.freeze(
            action=new.action,
            search=new.search,
            reason=new.reason,
            actor=self.principal.actor,
            tenant_id=self.principal.tenant.pk,
        )
        location = f"/api/v1/bulk/{frozen.public_id}"
        return answer(_shown(frozen), status=201, headers={"Location": location})


class _OneView(NativeView):
    def bulk(self, public_id: str) -> Bulk:
        """The tenant's act of that id."""
        try:
            key = ids.decode(ids.BULK, public_id)
        except ids.InvalidId as error:
            raise NotFound(f"There is no bulk act {public_id[:60]}.") from error
        found = Bulk.objects.filter(pk=key, tenant=self.principal.tenant).first()
        if found is None:
            raise NotFound(f"There is no bulk act {public_id[:60]}.")
        return found


class BulkView(_OneView):
    """One act."""

    @documents.bulk
    def get(self, request: Request, public_id: str) -> HttpResponse:
        return answer(_shown(self.bulk(public_id)))


class BulkRunView(_OneView):
    """Start."""

    scopes = {"POST": "submit"}

    @documents.run
    def post(self, request: Request, public_id: str) -> HttpResponse:
        bulk = self.bulk(public_id)
        self.require(VERBS[bulk.action].scope)
        return answer(_shown(bulks.run(bulk=bulk, actor=self.principal.actor)), status=202)


class BulkStopView(_OneView):
    """Stop."""

    scopes = {"POST": "submit"}

    @documents.stop
    def post(self, request: Request, public_id: str) -> HttpResponse:
        return answer(_shown(bulks.stop(bulk=self.bulk(public_id), actor=self.principal.actor)))


class BulkItemsView(_OneView):
    """The jobs of an act."""

    @documents.items
    def get(self, request: Request, public_id: str) -> HttpResponse:
        rows = BulkItem.objects.filter(bulk=self.bulk(public_id)).order_by("position")
        query = request.query_params
        if (state := query.get("state")) is not None:
            if state not in ItemState.values:
                raise refuse_query("state", "state is one of " + ", ".join(ItemState.values) + ".")
            rows = rows.filter(state=state)
        if (cursor := query.get("cursor")) is not None:
            if not cursor.isascii() or not cursor.isdigit() or len(cursor) > 9:
                raise refuse_query("cursor", "Use the next_cursor of the page before.")
            rows = rows.filter(position__gt=int(cursor))
        limit = read_limit(query.get("limit"))
        found = list(rows[: limit + 1])
        shown, more = found[:limit], len(found) > limit
        return answer(
            {
                "object": "list",
                "data": [
                    {"job": ids.encode(ids.JOB, row.job_id), "state": row.state, "detail": row.detail}
                    for row in shown
                ],
                "has_more": more,
                "next_cursor": str(shown[-1].position) if more else None,
            }
        )


def _shown(bulk: Bulk) -> dict[str, Any]:
    return {
        "id": bulk.public_id,
        "object": "bulk",
        "action": bulk.action,
        "search": bulk.search,
        "state": bulk.state,
        "detail": bulk.detail,
        "total": bulk.total,
        "done": bulk.done,
        "failed": bulk.failed,
        "summary": bulk.summary,
        "outcomes": bulks.outcomes(bulk) if bulk.started_at else {},
        "reason": bulk.reason,
        "created_at": moment(bulk.created_at),
        "started_at": moment(bulk.started_at),
        "ended_at": moment(bulk.ended_at),
    }

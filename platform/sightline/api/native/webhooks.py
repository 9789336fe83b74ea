"""`/api/v1/webhook-endpoints` and `/api/v1/webhook-deliveries`."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from rest_framework.request import Request

from sightline import ids
from sightline.api.native import webhook_documents as documents
from sightline.api.native.listing import read_limit, refuse_query
from sightline.api.native.request import validate
from sightline.api.native.view import NativeView, answer
from sightline.api.native.webhook_representation import delivery_view, endpoint_view, secret_view
from sightline.api.native.webhook_schemas import EndpointPatch, NewEndpoint
from sightline.api.parsers import json_body
from sightline.errors import InvalidInput, NotFound
from sightline.tenants.models import Tenant
from sightline.webhooks.models import Delivery, DeliveryState, Endpoint
from sightline.webhooks.services import endpoints, outbox
from sightline.webhooks.services.redeliver import redeliver


class EndpointsView(NativeView):
    """The endpoints of a tenant."""

    scopes = {**NativeView.scopes, "POST": "submit"}

    @documents.endpoints
    def get(self, request: Request) -> HttpResponse:
        outbox.one_off_endpoint(
            tenant_id=self.principal.tenant.pk
        )  # so that its secret can be read beforehand
        rows = Endpoint.objects.filter(tenant=self.principal.tenant)
        return answer({"object": "list", "data": [endpoint_view(row) for row in rows]})

    @documents.create
    def post(self, request: Request) -> HttpResponse:
        new = validate(NewEndpoint, json_body(request))
        endpoint = endpoints.create(
            tenant=self.principal.tenant,
            url=new.url,
            events=new.events,
            description=new.description,
            actor=self.principal.actor,
        )
        shown = {**endpoint_view(endpoint), "secret": secret_view(endpoint)["secret"]}
        location = f"/api/v1/webhook-endpoints/{endpoint.public_id}"
        return answer(shown, status=201, headers={"Location": location})


class EndpointView(NativeView):
    """One endpoint."""

    scopes = {**NativeView.scopes, "PATCH": "submit", "DELETE": "submit"}

    @documents.endpoint
    def get(self, request: Request, public_id: str) -> HttpResponse:
        return answer(endpoint_view(_endpoint(self.principal.tenant, public_id)))

    @documents.change
    def patch(self, request: Request, public_id: str) -> HttpResponse:
        endpoint = _endpoint(self.principal.tenant, public_id)
        patch = validate(EndpointPatch, json_body(request)).model_dump(exclude_none=True)
        _refuse_one_off(endpoint)
        endpoints.change(endpoint=endpoint, changes=patch, actor=self.principal.actor)
        return answer(endpoint_view(endpoint))

    @documents.delete
    def delete(self, request: Request, public_id: str) -> HttpResponse:
        endpoint = _endpoint(self.principal.tenant, public_id)
        _refuse_one_off(endpoint)
        endpoints.delete(endpoint=endpoint, actor=self.principal.actor)
        return HttpResponse(status=204)


class SecretView(NativeView):
    """The secret of an endpoint; who may submit jobs may verify what they bring."""

    scopes = {"GET": "submit", "HEAD": "submit", "OPTIONS": "read"}

    @documents.secret
    def get(self, request: Request, public_id: str) -> HttpResponse:
        return answer(secret_view(_endpoint(self.principal.tenant, public_id)))


class RotateSecretView(NativeView):
    """A new secret."""

    scopes = {"POST": "submit"}

    @documents.rotate
    def post(self, request: Request, public_id: str) -> HttpResponse:
        endpoint = _endpoint(self.principal.tenant, public_id)
        endpoints.rotate(endpoint=endpoint, actor=self.principal.actor)
        return answer(secret_view(endpoint))


class DeliveriesView(NativeView):
    """The log of an endpoint."""

    @documents.deliveries
    def get(self, request: Request, public_id: str) -> HttpResponse:
        endpoint = _endpoint(self.principal.tenant, public_id)
        return answer(_page(endpoint, request.query_params))


class DeliveryView(NativeView):
    """One delivery."""

    @documents.delivery
    def get(self, request: Request, public_id: str) -> HttpResponse:
        return answer(delivery_view(_delivery(self.principal.tenant, public_id)))


class RedeliverView(NativeView):
    """Sending once more."""

    scopes = {"POST": "submit"}

    @documents.redeliver
    def post(self, request: Request, public_id: str) -> HttpResponse:
        delivery = redeliver(delivery=_delivery(self.principal.tenant, public_id))
        return answer(delivery_view(delivery), status=202)


def _endpoint(tenant: Tenant, public_id: str) -> Endpoint:
    found = Endpoint.objects.filter(tenant=tenant, pk=_pk(ids.ENDPOINT, public_id)).first()
    if found is None:
        raise NotFound(f"There is no endpoint {public_id[:60]}.")
    return found


def _delivery(tenant: Tenant, public_id: str) -> Delivery:
    rows = Delivery.objects.select_related("endpoint").prefetch_related("attempts")
    found = rows.filter(tenant=tenant, pk=_pk(ids.MESSAGE, public_id)).first()
    if found is None:
        raise NotFound(f"There is no delivery {public_id[:60]}.")
    return found


def _pk(prefix: str, public_id: str) -> UUID:
    try:
        return ids.decode(prefix, public_id)
    except ids.InvalidId as error:
        raise NotFound(f"There is no {public_id[:60]}.") from error


def _refuse_one_off(endpoint: Endpoint) -> None:
    if endpoint.one_off:
        raise InvalidInput(
            "This endpoint stands for the addresses that jobs name; only its secret can change."
        )


def _page(endpoint: Endpoint, query: Mapping[str, str]) -> dict[str, Any]:
    """One page; the cursor is the last delivery shown, so that new ones move nothing."""
    for name in query:
        if name not in ("state", "limit", "cursor"):
            raise refuse_query(
                name, "There is no filter of this name: state, limit, cursor.", "unknown_field"
            )
    limit = read_limit(query.get("limit"))
    rows = Delivery.objects.filter(endpoint=endpoint).select_related("endpoint").prefetch_related("attempts")
    if (state := query.get("state")) is not None:
        if state not in DeliveryState.values:
            raise refuse_query("state", "state is one of " + ", ".join(DeliveryState.values) + ".")
        rows = rows.filter(state=state)
    if (cursor := query.get("cursor")) is not None:
        try:
            rows = rows.filter(id__lt=ids.decode(ids.MESSAGE, cursor))
        except ids.InvalidId as error:
            raise refuse_query("cursor", "Use the next_cursor of the page before.") from error
    found = list(rows.order_by("-id")[: limit + 1])
    shown, more = found[:limit], len(found) > limit
    return {
        "object": "list",
        "data": [delivery_view(row) for row in shown],
        "has_more": more,
        "next_cursor": shown[-1].public_id if more else None,
    }

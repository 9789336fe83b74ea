"""Endpoints: made, changed, given a new secret, disabled, enabled. What people do to them is on record."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef

from sightline.audit import services as audit
from sightline.clock import After
from sightline.errors import Conflict
from sightline.tenants.models import Tenant
from sightline.webhooks import lifecycle, secrets
from sightline.webhooks.models import Delivery, DeliveryState, Endpoint

MOST = 50
"""Endpoints of a tenant: each of them costs a row for every ended job."""
ROTATION_S = 24 * 3600
"""How long the previous secret goes on signing."""


def create(
    *, tenant: Tenant, url: str, events: Sequence[str] = (), description: str = "", actor: str
) -> Endpoint:
    """A new endpoint with a secret of its own; it is told of jobs that are submitted from now on."""
    with transaction.atomic():
        Tenant.objects.select_for_update().get(pk=tenant.pk)  # two at once must not both be the fiftieth
        if Endpoint.objects.filter(tenant=tenant, one_off=False).count() >= MOST:
            raise Conflict(f"There are {MOST} endpoints already; delete one first.")
        endpoint = Endpoint.objects.create(
            tenant=tenant,
            url=url,
            events=list(events),
            description=description,
            secret=secrets.encrypt(secrets.new()),
        )
        _note(tenant.pk)
        audit.write(
            actor=actor, action="webhook.create", subject=endpoint.public_id, after=_recorded(endpoint)
        )
    return endpoint


def change(*, endpoint: Endpoint, changes: Mapping[str, Any], actor: str) -> None:
    """Write what its owner changed: url, events, description, disabled."""
    fields = {name: value for name, value in changes.items() if name != "disabled"}
    before = _recorded(endpoint)
    with transaction.atomic():
        if fields:
            Endpoint.objects.filter(pk=endpoint.pk).update(**fields)
        if changes.get("disabled") is True:
            disable(endpoint=endpoint, reason="Disabled by its owner.")
        elif changes.get("disabled") is False:
            enable(endpoint=endpoint)
        endpoint.refresh_from_db()
        audit.write(
            actor=actor,
            action="webhook.change",
            subject=endpoint.public_id,
            before=before,
            after=_recorded(endpoint),
        )


def delete(*, endpoint: Endpoint, actor: str) -> None:
    """Delete the endpoint with its log; what waits is not delivered any more."""
    with transaction.atomic():
        audit.write(
            actor=actor, action="webhook.delete", subject=endpoint.public_id, before=_recorded(endpoint)
        )
        Endpoint.objects.filter(pk=endpoint.pk).delete()
        _note(endpoint.tenant_id)


def rotate(*, endpoint: Endpoint, actor: str) -> str:
    """A new secret; for a day messages are signed with the old one as well."""
    secret = secrets.new()
    with transaction.atomic():
        row = Endpoint.objects.select_for_update().get(pk=endpoint.pk)
        Endpoint.objects.filter(pk=row.pk).update(
            secret=secrets.encrypt(secret), previous_secret=row.secret, previous_until=After(ROTATION_S)
        )
        audit.write(actor=actor, action="webhook.rotate", subject=endpoint.public_id)
    endpoint.refresh_from_db()
    return secret


def signing_secrets(*, endpoint: Endpoint, now: datetime) -> list[str]:
    """The secrets that sign at a time, the newest first. Raises SecretUnreadable."""
    found = [secrets.decrypt(endpoint.secret)]
    if endpoint.previous_secret and endpoint.previous_until is not None and now < endpoint.previous_until:
        found.append(secrets.decrypt(endpoint.previous_secret))
    return found


def disable(*, endpoint: Endpoint, reason: str) -> bool:
    """Deliver nothing more; what waits has failed, and may be redelivered. False when it was disabled before."""
    with transaction.atomic():
        disabled = Endpoint.objects.filter(pk=endpoint.pk, disabled_at=None).update(
            disabled_at=After(), disabled_reason=reason[:200]
        )
        if disabled:
            Delivery.objects.filter(endpoint=endpoint, state=DeliveryState.PENDING).update(
                state=DeliveryState.FAILED, ended_at=After()
            )
            _note(endpoint.tenant_id)
    if disabled:
        lifecycle.disabled(endpoint, reason=reason)
    return bool(disabled)


def enable(*, endpoint: Endpoint) -> None:
    """Deliver again, from the next event on."""
    with transaction.atomic():
        Endpoint.objects.filter(pk=endpoint.pk).update(disabled_at=None, disabled_reason="", failures=0)
        _note(endpoint.tenant_id)


def _recorded(endpoint: Endpoint) -> dict[str, Any]:
    """An endpoint for the record: its host alone, for paths and queries of webhooks carry tokens."""
    return {
        "host": urlsplit(endpoint.url).hostname,
        "events": list(endpoint.events),
        "disabled": endpoint.disabled_at is not None,
    }


def _note(tenant_id: UUID | None) -> None:
    """Keep on the tenant whether anybody listens: a submission has that row at hand, and asks no more."""
    if tenant_id is None:
        return
    listening = Endpoint.objects.filter(tenant_id=OuterRef("pk"), one_off=False, disabled_at=None)
    Tenant.objects.filter(pk=tenant_id).update(has_webhooks=Exists(listening))

"""Write what webhooks will be told, in the transaction of the ending that they are told of."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction

from sightline import ids
from sightline.celery import DELIVER
from sightline.clock import After
from sightline.jobs import wakeups
from sightline.webhooks import secrets
from sightline.webhooks.models import Delivery, Endpoint


def announce(*, job_id: UUID, tenant_id: UUID, kind: str, status: str, url: str) -> None:
    """A delivery for each endpoint that wants the event, and one for the job's own address.

    Call it inside the transaction that ends the job, and only for a job that is marked as announced.
    """
    type_ = f"job.{status}"
    body = _body(type_, job_id, kind, status)
    listening = Endpoint.objects.filter(tenant_id=tenant_id, one_off=False, disabled_at=None)
    targets = [(endpoint, endpoint.url) for endpoint in listening if type_ in (endpoint.events or [type_])]
    if url:
        targets.append((one_off_endpoint(tenant_id=tenant_id), url))
    for endpoint, address in targets:
        Delivery.objects.create(
            tenant_id=tenant_id,
            endpoint=endpoint,
            url=address,
            type=type_,
            job_id=job_id,
            body=body,
            due_at=After(),
            created_at=After(),
        )
    if targets:
        transaction.on_commit(lambda: wakeups.publish(queue=DELIVER, count=len(targets)))


def tell(*, endpoints: Sequence[Endpoint], type_: str, data: Mapping[str, Any]) -> int:
    """A delivery of something else than a job to each endpoint that is not disabled; how many.

    Call it inside the transaction that makes it true.
    """
    body = json.dumps({"type": type_, "timestamp": _now(), "data": dict(data)}, separators=(",", ":"))
    listening = [endpoint for endpoint in endpoints if endpoint.disabled_at is None]
    for endpoint in listening:
        Delivery.objects.create(
            tenant_id=endpoint.tenant_id,
            endpoint=endpoint,
            url=endpoint.url,
            type=type_,
            body=body,
            due_at=After(),
            created_at=After(),
        )
    if listening:
        transaction.on_commit(lambda: wakeups.publish(queue=DELIVER, count=len(listening)))
    return len(listening)


def one_off_endpoint(*, tenant_id: UUID) -> Endpoint:
    """The tenant's endpoint for addresses that single jobs name; made when it is first needed."""
    found = Endpoint.objects.filter(tenant_id=tenant_id, one_off=True).first()
    if found is not None:
        return found
    try:
        with transaction.atomic():
            return Endpoint.objects.create(
                tenant_id=tenant_id, one_off=True, secret=secrets.encrypt(secrets.new())
            )
    except IntegrityError:  # two at once: the other one's stands
        return Endpoint.objects.get(tenant_id=tenant_id, one_off=True)


def _body(type_: str, job_id: UUID, kind: str, status: str) -> str:
    """Thin: what happened and where to read it, so that no result leaves by an unguarded way."""
    public_id = ids.encode(ids.JOB, job_id)
    message = {
        "type": type_,
        "timestamp": _now(),
        "data": {
            "id": public_id,
            "kind": kind,
            "status": str(status),
            "links": {"self": f"/api/v1/jobs/{public_id}"},
        },
    }
    return json.dumps(message, separators=(",", ":"))


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

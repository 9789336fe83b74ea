"""Accept a batch: a row, and a wake-up for the worker that reads its file."""

from datetime import timedelta
from typing import Any

from django.db import IntegrityError, transaction

from sightline import clock, ids
from sightline.batches.models import Batch, File, Purpose
from sightline.celery import BATCH
from sightline.errors import FieldError, InvalidInput
from sightline.jobs import wakeups
from sightline.jobs.models import IdempotencyKey
from sightline.jobs.services.submit import Idempotency, replayed
from sightline.telemetry import lifecycle
from sightline.tenants.models import ApiKey, Tenant


def create(
    *,
    api_key: ApiKey,
    file: File,
    endpoint: str,
    completion_window: str,
    window_s: int,
    seats: str,
    metadata: dict[str, Any],
    results_kept_s: int,
    idempotency: Idempotency | None = None,
) -> Batch:
    """A batch of the requests in a file; 422 for one with another purpose.

    Under an idempotency key, the batch of the first request with it: of two at once, the loser of the race on the
    unique row answers what the winner made.
    """
    if idempotency is not None and (first := _first(file.tenant, idempotency)) is not None:
        return first
    if file.purpose != Purpose.BATCH:
        detail = f"The purpose of this file is {file.purpose}. Upload the requests with the purpose batch."
        raise InvalidInput(detail, errors=[FieldError(pointer="/input_file_id", detail=detail)])
    now = clock.now()
    batch = Batch(
        tenant_id=file.tenant_id,
        api_key=api_key,
        endpoint=endpoint,
        completion_window=completion_window,
        seats=seats,
        metadata=metadata,
        results_kept_s=results_kept_s,
        input_file=file.pk,
        due_at=now,
        created_at=now,
        expires_at=now + timedelta(seconds=window_s),
    )
    try:
        with transaction.atomic():
            batch.save(force_insert=True)
            if idempotency is not None:
                IdempotencyKey.objects.create(
                    tenant_id=file.tenant_id,
                    route=idempotency.route,
                    key=idempotency.key,
                    body_sha256=idempotency.body_sha256,
                    status=200,
                    response={"id": batch.public_id},
                    created_at=now,
                )
    except IntegrityError:
        if idempotency is None or (first := _first(file.tenant, idempotency)) is None:
            raise
        return first
    lifecycle.batch(batch, "batch_created", endpoint=endpoint)
    transaction.on_commit(lambda: wakeups.publish(queue=BATCH))
    return batch


def _first(tenant: Tenant, idempotency: Idempotency) -> Batch | None:
    """What the first request under this key made, as it is now; 422 when that one had another body."""
    found = replayed(tenant=tenant, idempotency=idempotency)
    if found is None:
        return None
    return Batch.objects.get(tenant=tenant, pk=ids.decode(ids.BATCH, found.response["id"]))

"""Accept a batch: a row, and a wake-up for the worker that reads its file."""

from datetime import timedelta
from typing import Any

from django.db import transaction

from sightline import clock
from sightline.batches.models import Batch, File, Purpose
from sightline.celery import BATCH
from sightline.errors import FieldError, InvalidInput
from sightline.jobs import wakeups
from sightline.telemetry import lifecycle
from sightline.tenants.models import ApiKey


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
) -> Batch:
    """A batch of the requests in a file; 422 for a file that holds none."""
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
    batch.save(force_insert=True)
    lifecycle.batch(batch, "batch_created", endpoint=endpoint)
    transaction.on_commit(lambda: wakeups.publish(queue=BATCH))
    return batch

"""`/api/v1/batches/{id}/events`: the progress of a batch of `/v1`, which OpenAI's API can only be asked for."""

from uuid import UUID

from django.db import close_old_connections
from django.http import HttpResponse
from rest_framework.request import Request

from sightline.api.native import stream_documents
from sightline.api.native.view import NativeView
from sightline.api.openai.batches import found, shown
from sightline.api.streams import Stream, no_such_event, resumed_after, stream
from sightline.batches import progress
from sightline.batches.models import ACTIVE, Batch
from sightline.events.batch_stream import Snapshot
from sightline.events.stream import Event


class BatchEventsView(NativeView):
    """The events of one batch. The ASGI shell serves them."""

    @stream_documents.batch_events
    def get(self, request: Request, batch_id: str) -> HttpResponse:
        after = resumed_after(request)
        batch = found(self, batch_id)
        number = _number(batch)
        if after > number:
            raise no_such_event("batch")
        if after == number and batch.status not in ACTIVE:
            # All was told. 204 tells an EventSource not to come back.
            return HttpResponse(status=204)
        return stream(Stream(of=batch.pk, after=after, batch=True))


def look(batch_id: UUID) -> Snapshot:
    """The batch now, for its stream."""
    try:
        batch = Batch.objects.filter(pk=batch_id).first()
    finally:
        close_old_connections()
    if batch is None:
        return Snapshot(event=None, ended=True)
    ended = batch.status not in ACTIVE
    kind = f"batch.{batch.status if ended else 'progress'}"
    return Snapshot(event=Event(number=_number(batch), type=kind, data=shown(batch)), ended=ended)


def _number(batch: Batch) -> int:
    return progress.number(status=batch.status, completed=batch.completed, failed=batch.failed)

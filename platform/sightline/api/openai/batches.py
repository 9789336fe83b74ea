"""`/v1/batches`: the requests of a file, run as jobs."""

import re
from datetime import datetime
from typing import Any, Literal

from django.conf import settings
from django.http import HttpResponse
from pydantic import Field
from rest_framework.request import Request

from sightline.api.native.intake import named, refuse_forbidden
from sightline.api.native.request import MetadataKey, MetadataText, validate
from sightline.api.native.view import NativeView, answer
from sightline.api.openai import documents
from sightline.api.openai.batch_lines import ENDPOINTS
from sightline.api.openai.files import kept_s
from sightline.api.openai.names import batch_id as decoded
from sightline.api.openai.names import file_id, of_file
from sightline.api.openai.paging import read_page
from sightline.api.openai.request import Strict
from sightline.api.openai.view import OpenAIView
from sightline.api.parsers import json_body
from sightline.batches.models import Batch, BatchStatus
from sightline.batches.services import files
from sightline.batches.services.cancel import cancel
from sightline.batches.services.create import create
from sightline.errors import FieldError, InvalidInput, NotFound
from sightline.kinds.registry import KINDS
from sightline.tenants.models import ApiKey

ROUTE = "POST /v1/batches"
LONGEST_WINDOW_S = 366 * 86_400
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


class ExpiresAfter(Strict):
    """How long results are kept."""

    anchor: Literal["created_at"]
    seconds: int = Field(description="From the creation of the batch on.")


class BatchOptions(Strict):
    """What OpenAI's fields have no word for."""

    kind: Literal[tuple(KINDS)] | None = Field(  # type: ignore[valid-type]
        default=None, description="Whose seats lines take that name no service_tier; by default ocr's (flex)."
    )


class BatchRequest(Strict):
    """The requests of a file, as jobs."""

    input_file_id: str = Field(description="A file with the purpose batch.")
    endpoint: Literal[ENDPOINTS] = Field(description="The url of every line.")  # type: ignore[valid-type]
    completion_window: str = Field(description="30s, 90m, 24h, 7d: what has not run by then does not run.")
    metadata: dict[MetadataKey, MetadataText] | None = Field(default=None, max_length=16)
    output_expires_after: ExpiresAfter | None = None
    sightline: BatchOptions | None = None


class BatchesView(OpenAIView):
    """All batches of a tenant."""

    scopes = {**OpenAIView.scopes, "POST": "submit"}

    @documents.batch_operations(BatchRequest)
    def post(self, request: Request) -> HttpResponse:
        body = json_body(request)
        if isinstance(body, dict):
            body = {name: value for name, value in body.items() if value is not None}
        asked = validate(BatchRequest, body)
        key = self.principal.key
        try:
            file = files.find(tenant=self.principal.tenant, file_id=file_id(asked.input_file_id))
        except NotFound:
            file = None
        if file is None:
            raise _refused("input_file_id", f"There is no file {asked.input_file_id[:60]}.")
        kept = asked.output_expires_after
        batch = create(
            api_key=key,
            file=file,
            endpoint=asked.endpoint,
            completion_window=asked.completion_window,
            window_s=_window_s(asked.completion_window),
            seats=_seats(key, asked.sightline.kind if asked.sightline else None),
            metadata=dict(asked.metadata or {}),
            results_kept_s=kept_s(kept.seconds, "output_expires_after/seconds")
            if kept
            else settings.FILE_RETENTION_S,
            idempotency=named(key=request.META.get("HTTP_IDEMPOTENCY_KEY"), body=body, route=ROUTE),
        )
        return answer(shown(batch))

    @documents.list_batches
    def get(self, request: Request) -> HttpResponse:
        page = read_page(request.query_params, default=20, most=100, order="desc")
        rows = Batch.objects.filter(tenant=self.principal.tenant)
        if page.after is not None:
            after = decoded(page.after)
            rows = rows.filter(id__gt=after) if page.order == "asc" else rows.filter(id__lt=after)
        rows = rows.order_by("id" if page.order == "asc" else "-id")
        return answer(page.listed([shown(row) for row in rows[: page.limit + 1]]))


class BatchView(OpenAIView):
    """One batch."""

    @documents.get_batch
    def get(self, request: Request, batch_id: str) -> HttpResponse:
        return answer(shown(found(self, batch_id)))


class BatchCancelView(OpenAIView):
    """Stopping one."""

    scopes = {**OpenAIView.scopes, "POST": "submit"}

    @documents.cancel_batch
    def post(self, request: Request, batch_id: str) -> HttpResponse:
        return answer(shown(cancel(batch=found(self, batch_id), actor=self.principal.actor)))


def shown(batch: Batch) -> dict[str, Any]:
    """OpenAI's batch object."""
    ended = _seconds(batch.ended_at)
    return {
        "id": batch.public_id,
        "object": "batch",
        "endpoint": batch.endpoint,
        "errors": {"object": "list", "data": batch.errors} if batch.errors else None,
        "input_file_id": of_file(batch.input_file),
        "completion_window": batch.completion_window,
        "status": batch.status,
        "output_file_id": of_file(batch.output_file) if batch.output_file else None,
        "error_file_id": of_file(batch.error_file) if batch.error_file else None,
        "created_at": _seconds(batch.created_at),
        "in_progress_at": _seconds(batch.in_progress_at),
        "expires_at": _seconds(batch.expires_at),
        "finalizing_at": _seconds(batch.finalizing_at),
        "completed_at": ended if batch.status == BatchStatus.COMPLETED else None,
        "failed_at": ended if batch.status == BatchStatus.FAILED else None,
        "expired_at": ended if batch.status == BatchStatus.EXPIRED else None,
        "cancelling_at": _seconds(batch.cancelling_at),
        "cancelled_at": ended if batch.status == BatchStatus.CANCELLED else None,
        "request_counts": {"total": batch.total, "completed": batch.completed, "failed": batch.failed},
        "metadata": batch.metadata or None,
    }


def found(view: NativeView, public_id: str) -> Batch:
    """The tenant's batch of that id; another tenant's is as unknown as one that never was."""
    batch = Batch.objects.filter(tenant=view.principal.tenant, pk=decoded(public_id)).first()
    if batch is None:
        raise NotFound(f"There is no batch {public_id[:60]}.")
    return batch


def _window_s(text: str) -> int:
    parts = re.fullmatch(r"([1-9]\d{0,8})([smhd])", text)
    seconds = int(parts[1]) * _UNITS[parts[2]] if parts else 0
    if not 1 <= seconds <= LONGEST_WINDOW_S:
        raise _refused("completion_window", "completion_window is a time such as 90s, 30m, 24h or 7d.")
    return seconds


def _seats(key: ApiKey, kind: str | None) -> str:
    """The seats that were named, or ocr's as far as the key may: a batch is in nobody's way."""
    if kind is not None:
        refuse_forbidden(key, {"chat", kind}, settings.DEFAULT_MODEL)
        return kind
    return "ocr" if not key.kinds or "ocr" in key.kinds else "chat"


def _seconds(moment: datetime | None) -> int | None:
    return int(moment.timestamp()) if moment else None


def _refused(field: str, detail: str) -> InvalidInput:
    return InvalidInput(detail, errors=[FieldError(pointer=f"/{field}", detail=detail)])

"""`/v1/files`: the requests of batches, their results, and images that messages name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import IO, Any, cast

from django.core.files.uploadedfile import UploadedFile
from django.db import close_old_connections
from django.http import HttpResponse, StreamingHttpResponse
from rest_framework.request import Request

from sightline.api import waits
from sightline.api.native.listing import refuse_query
from sightline.api.native.view import answer
from sightline.api.openai import documents
from sightline.api.openai.batch_lines import Lines
from sightline.api.openai.names import file_id as decoded
from sightline.api.openai.names import of_file
from sightline.api.openai.paging import read_page
from sightline.api.openai.view import OpenAIView
from sightline.api.parsers import FormParser
from sightline.batches import storage
from sightline.batches.models import File, LineState, Purpose
from sightline.batches.services import files
from sightline.batches.services.results import pages
from sightline.errors import FieldError, InvalidInput, NotFound
from sightline.web.bridge import CHUNKED

SHORTEST_S, LONGEST_S = 3600, 366 * 86_400
"""How long a file may be asked to be kept."""
MOST = 10_000
_TAKEN = (Purpose.BATCH, Purpose.VISION, Purpose.USER_DATA)
_FIELDS = ("purpose", "file", "expires_after[anchor]", "expires_after[seconds]")


class FilesView(OpenAIView):
    """All files of a tenant."""

    parser_classes = [FormParser]
    scopes = {**OpenAIView.scopes, "POST": "submit"}

    @documents.create_file
    def post(self, request: Request) -> HttpResponse:
        if request.META.get(waits.ASKED):
            return HttpResponse(status=204)
        if not (request.content_type or "").lower().startswith("multipart/"):
            raise _refused("file", "Send the file as multipart/form-data with the fields purpose and file.")
        purpose, file, kept_s = _form(request)
        row = files.keep(
            tenant=self.principal.tenant,
            purpose=purpose,
            source=cast(IO[bytes], file.file),
            size=file.size or 0,
            filename=file.name or "file",
            kept_s=kept_s,
        )
        return answer(shown(row))

    @documents.list_files
    def get(self, request: Request) -> HttpResponse:
        page = read_page(request.query_params, default=MOST, most=MOST, order="desc", known=("purpose",))
        rows = File.objects.filter(tenant=self.principal.tenant)
        if (purpose := request.query_params.get("purpose")) is not None:
            if purpose not in Purpose.values:
                raise refuse_query("purpose", "purpose is one of " + ", ".join(Purpose.values) + ".")
            rows = rows.filter(purpose=purpose)
        if page.after is not None:
            after = decoded(page.after)
            rows = rows.filter(id__gt=after) if page.order == "asc" else rows.filter(id__lt=after)
        rows = rows.order_by("id" if page.order == "asc" else "-id")
        return answer(page.listed([shown(row) for row in rows[: page.limit + 1]]))


class FileView(OpenAIView):
    """One file."""

    scopes = {**OpenAIView.scopes, "DELETE": "submit"}

    @documents.get_file
    def get(self, request: Request, file_id: str) -> HttpResponse:
        return answer(shown(_found(self, file_id)))

    @documents.delete_file
    def delete(self, request: Request, file_id: str) -> HttpResponse:
        row = _found(self, file_id)
        files.delete(file=row)
        return answer({"id": of_file(row.pk), "object": "file", "deleted": True})


class FileContentView(OpenAIView):
    """What is in it."""

    @documents.file_content
    def get(self, request: Request, file_id: str) -> Any:
        row, skip = _found(self, file_id), _skip(request)
        headers = {CHUNKED: "1", "Content-Disposition": f'attachment; filename="{of_file(row.pk)}"'}
        if row.batch is not None:
            made = pages(batch=row.batch, state=LineState(row.lines), surface=Lines(), skip=skip)
            return StreamingHttpResponse(_tidy(made), content_type="application/jsonl", headers=headers)
        try:
            file = storage.open_file(row.name)
        except FileNotFoundError as error:
            raise NotFound(f"The file {file_id[:60]} is no longer stored.") from error
        return StreamingHttpResponse(
            _read(file),
            content_type="application/octet-stream",
            headers={**headers, "Content-Length": str(row.bytes)},
        )


def shown(row: File) -> dict[str, Any]:
    """OpenAI's file object."""
    return {
        "id": of_file(row.pk),
        "object": "file",
        "bytes": row.bytes,
        "created_at": int(row.created_at.timestamp()),
        "expires_at": int(row.expires_at.timestamp()),
        "filename": row.filename,
        "purpose": row.purpose,
        "status": "processed",
        "status_details": None,
    }


def kept_s(seconds: Any, pointer: str) -> int:
    """How long a file is asked to be kept, in seconds."""
    if not isinstance(seconds, int) or not SHORTEST_S <= seconds <= LONGEST_S:
        raise _refused(pointer, f"A file is kept for {SHORTEST_S} to {LONGEST_S} seconds.")
    return seconds


def _found(view: OpenAIView, file_id: str) -> File:
    row = files.find(tenant=view.principal.tenant, file_id=decoded(file_id))
    if row is None:
        raise NotFound(f"There is no file {file_id[:60]}.")
    return row


def _form(request: Request) -> tuple[Purpose, UploadedFile[Any], int | None]:
    fields, sent = request.POST, request.FILES
    unknown = next((name for name in [*fields, *sent] if name not in _FIELDS), None)
    if unknown is not None:
        detail = f"There is no field {unknown[:100]!r} here."
        raise InvalidInput(
            detail, code="unknown_field", errors=[FieldError(pointer=f"/{unknown}", detail=detail)]
        )
    purpose = fields.get("purpose")
    if purpose not in _TAKEN:
        raise _refused("purpose", "purpose is one of " + ", ".join(_TAKEN) + ".")
    file: Any = sent.get("file")
    if file is None or len(sent.getlist("file")) > 1:
        raise _refused("file", "Send one file in the field file.")
    if not file.size:
        raise _refused("file", "The file is empty.")
    seconds = fields.get("expires_after[seconds]")
    if seconds is None and "expires_after[anchor]" not in fields:
        return Purpose(purpose), file, None
    if fields.get("expires_after[anchor]") != "created_at":
        raise _refused("expires_after[anchor]", "anchor is created_at.")
    number = int(seconds) if seconds and re.fullmatch(r"\d{1,9}", seconds) else None
    return Purpose(purpose), file, kept_s(number, "expires_after[seconds]")


def _skip(request: Request) -> int:
    text = request.query_params.get("skip", "0")
    if not re.fullmatch(r"\d{1,6}", text):
        raise refuse_query("skip", "skip is the number of lines that are known already.")
    return int(text)


def _tidy(made: Iterator[bytes]) -> Iterator[bytes]:
    """The pages; each may be made in another thread, which keeps no connection that has gone stale."""
    for page in made:
        close_old_connections()
        yield page
    close_old_connections()


def _read(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        yield from storage.pieces(file)


def _refused(field: str, detail: str) -> InvalidInput:
    return InvalidInput(detail, errors=[FieldError(pointer=f"/{field}", detail=detail)])

"""`/v1/responses`: chat jobs that are waited for, streamed, or left to run in the background."""

import re
from typing import Any

from django.http import HttpResponse
from rest_framework.request import Request

from sightline.api import streams, waits
from sightline.api.native.intake import accept
from sightline.api.native.jobs import OutputExpired
from sightline.api.native.view import answer
from sightline.api.openai import documents
from sightline.api.openai.completion import failure
from sightline.api.openai.names import of_response, response_id, tail
from sightline.api.openai.paging import Page, read_page
from sightline.api.openai.response_items import to_items
from sightline.api.openai.response_object import base, shown
from sightline.api.openai.response_request import read, renamed
from sightline.api.openai.view import OpenAIView
from sightline.api.parsers import json_body
from sightline.errors import Conflict, FieldError, InvalidInput, NotFound, Problem
from sightline.jobs.models import Job
from sightline.jobs.services.cancel import cancel
from sightline.jobs.services.erase import erase
from sightline.jobs.services.submit import Replayed
from sightline.responses.models import Response

ROUTE = "POST /v1/responses"


class ResponsesView(OpenAIView):
    """Asking."""

    scopes = {**OpenAIView.scopes, "POST": "submit"}

    @documents.create_response
    def post(self, request: Request) -> HttpResponse:
        asked = read(json_body(request), tenant=self.principal.tenant)
        try:
            found = accept(
                principal=self.principal,
                body=asked.body,
                files={},
                key=request.META.get("HTTP_IDEMPOTENCY_KEY"),
                seats=asked.request.seats,
                route=ROUTE,
            )
        except Problem as problem:
            raise renamed(problem) from problem.__cause__
        job = found.job if isinstance(found, Replayed) else found
        if job is None:
            raise OutputExpired("The response of the first request with this key is no longer kept.")
        # After a crash in between, the same request under the same key brings what is missing.
        row, _ = Response.objects.get_or_create(job=job, defaults=_values(asked.beside(job)))
        if asked.request.stream:
            return _streamed(job, row, after=-1, kept=row.background)
        if row.background:
            return answer(shown(job, row))
        return streams.complete(
            answer(shown(job, row)),
            streams.Completion(job_id=job.pk, path=_path(job), stream=False, include_usage=False, head={}),
        )


class ResponseView(OpenAIView):
    """Reading and deleting."""

    scopes = {**OpenAIView.scopes, "DELETE": "submit"}

    @documents.get_response
    def get(self, request: Request, response_id: str) -> HttpResponse:
        again = waits.is_reread(request)
        row = _found(self, response_id, stored=not again)
        if again and row.job.output is None:
            raise failure(row.job, here=_path(row.job))  # who waits for it gets the error itself
        if _flag(request, "stream"):
            return _streamed(row.job, row, after=_after(request), kept=True)
        return answer(shown(row.job, row))

    @documents.delete_response
    def delete(self, request: Request, response_id: str) -> HttpResponse:
        row = _found(self, response_id)
        if not row.job.ended:
            cancel(job=row.job, actor=self.principal.actor)
        erase(job=row.job, actor=self.principal.actor)
        return answer({"id": of_response(row.job.pk), "object": "response", "deleted": True})


class ResponseCancelView(OpenAIView):
    """Stopping one that runs in the background."""

    scopes = {**OpenAIView.scopes, "POST": "submit"}

    @documents.cancel_response
    def post(self, request: Request, response_id: str) -> HttpResponse:
        row = _found(self, response_id)
        if not row.background:
            raise Conflict(
                "Only a response in the background is cancelled; another one ends with its connection."
            )
        cancel(job=row.job, actor=self.principal.actor)
        row.job.refresh_from_db()
        return answer(shown(row.job, row))


class ResponseInputView(OpenAIView):
    """What it was asked."""

    @documents.response_input
    def get(self, request: Request, response_id: str) -> HttpResponse:
        row = _found(self, response_id)
        page = read_page(request.query_params, default=20, most=100, order="desc")
        messages = row.job.input["messages"][int(row.instructed) + row.inherited :]
        # A job's images are numbered from its first message on.
        inherited = row.job.input["messages"][: int(row.instructed) + row.inherited]
        before = sum(_images(message) for message in inherited)
        media = f"/api/v1/jobs/{row.job.public_id}/media/"
        items = to_items(messages, tail=tail(row.job), media=media, first=before)
        return answer(_listed(items, page))


def _found(view: OpenAIView, public_id: str, *, stored: bool = True) -> Response:
    """The tenant's response; 404 for one that is not stored, or was deleted."""
    rows = Response.objects.select_related("job").filter(
        job_id=response_id(public_id), job__tenant=view.principal.tenant
    )
    row = (rows.filter(store=True) if stored else rows).first()
    if row is None or row.job.erased_at is not None:
        raise NotFound(f"There is no response {public_id[:60]}.")
    return row


def _streamed(job: Job, row: Response, *, after: int, kept: bool) -> HttpResponse:
    wanted = streams.Completion(
        job_id=job.pk,
        path=_path(job),
        stream=True,
        include_usage=True,
        head=base(job, row),
        form="response",
        after=after,
        kept=kept,
    )
    return streams.complete(answer({}), wanted)


def _values(row: Response) -> dict[str, Any]:
    names = ("previous", "instructed", "inherited", "background", "store")
    return {name: getattr(row, name) for name in names}


def _path(job: Job) -> str:
    return f"/v1/responses/{of_response(job.pk)}"


def _flag(request: Request, name: str) -> bool:
    text = request.query_params.get(name, "false").lower()
    if text not in ("true", "false"):
        raise _refused(name, f"{name} is true or false.")
    return text == "true"


def _after(request: Request) -> int:
    text = request.query_params.get("starting_after", "-1")
    if not re.fullmatch(r"-1|\d{1,16}", text):
        raise _refused("starting_after", "starting_after is the sequence_number of an event.")
    return int(text)


def _refused(name: str, detail: str) -> InvalidInput:
    return InvalidInput(detail, errors=[FieldError(pointer=f"?{name}", detail=detail)])


def _images(message: dict[str, Any]) -> int:
    content = message.get("content")
    return sum(part["type"] != "text" for part in content) if isinstance(content, list) else 0


def _listed(items: list[dict[str, Any]], page: Page) -> dict[str, Any]:
    if page.order == "desc":
        items = items[::-1]
    if page.after is not None:
        names = [item["id"] for item in items]
        if page.after not in names:
            raise _refused("after", "after is the last_id of the page before.")
        items = items[names.index(page.after) + 1 :]
    return page.listed(items)

"""`/api/v1/jobs/export`: all jobs that a search finds, in one stream."""

from collections.abc import Iterator
from typing import Any

from django.db import close_old_connections
from django.db.models import QuerySet
from django.http import HttpResponse, StreamingHttpResponse
from rest_framework.request import Request

from sightline import exports
from sightline.api.native import documents
from sightline.api.native.listing import matching, refuse_query
from sightline.api.native.representation import summary
from sightline.api.native.view import NativeView
from sightline.jobs.models import Job
from sightline.web.bridge import CHUNKED

_PAGE = 500
"""Jobs in memory at a time."""


class ExportView(NativeView):
    """The jobs of a tenant as a file."""

    @documents.export
    def get(self, request: Request) -> HttpResponse:
        query: dict[str, str] = request.query_params.dict()
        format = query.pop("format", "jsonl")
        if format not in exports.FORMATS:
            raise refuse_query("format", "format is one of " + ", ".join(exports.FORMATS) + ".")
        jobs = matching(tenant=self.principal.tenant, query=query)
        response: HttpResponse = streamed(lines(jobs, format=format), format=format)
        return response


def streamed(made: Iterator[bytes], *, format: str) -> Any:
    """A response that goes out while it is made."""
    return StreamingHttpResponse(
        made,
        content_type=exports.CONTENT_TYPES[format],
        headers={CHUNKED: "1", "Content-Disposition": f'attachment; filename="jobs.{format}"'},
    )


def lines(jobs: QuerySet[Job], *, format: str, operator: bool = False) -> Iterator[bytes]:
    """Newest first, a page of keys at a time, so that neither memory nor a cursor is held. For an operator, who sees
    all tenants, each job also says whose it is and who ran it."""
    jobs = jobs.order_by("-pk").defer("input", "output", "params").select_related("tenant")
    yield exports.head(format, operator=operator).encode()
    rows = list(jobs[:_PAGE])
    while rows:
        page = "".join(exports.line(format, _document(job, operator), operator=operator) for job in rows)
        close_old_connections()  # the next page may be made in another thread
        yield page.encode()
        rows = list(jobs.filter(pk__lt=rows[-1].pk)[:_PAGE]) if len(rows) == _PAGE else []
    close_old_connections()


def _document(job: Job, operator: bool) -> dict[str, Any]:
    shown = {**summary(job), "usage": job.usage, "timings_ms": job.timings}
    if operator:
        shown |= {"tenant": job.tenant.name, "group": job.group, "worker": job.worker.partition("#")[0]}
    return shown

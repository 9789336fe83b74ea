"""A job's events for a page of the admin: by the session, with the stream that clients of the API get."""

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path

from sightline.api.native import history
from sightline.api.native.errors import respond
from sightline.api.streams import Stream, resumed_after, stream
from sightline.errors import Problem
from sightline.events.stream import SPAN
from sightline_dashboard.admin.job_pages import JobPages


class JobStream(JobPages):
    """For the admin of jobs."""

    def stream_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [path("<str:object_id>/events/", view(self.events_view), name="jobs_job_events")]

    def events_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Who may see the job may follow it. The ASGI shell serves the stream, and holds no thread for it."""
        job = self.visible(request, object_id)
        if job is None or job.erased_at is not None:
            raise Http404
        try:
            after = resumed_after(request)
        except Problem as problem:
            return respond(request, problem)
        if not history.has_more(job, after // SPAN):
            return HttpResponse(status=204)  # tells an EventSource not to come back
        return stream(Stream(of=job.pk, after=after))

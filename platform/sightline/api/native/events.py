"""`/api/v1/jobs/{id}/events`: who may read a job's event stream, and from where on. The ASGI shell serves it."""

from django.http import HttpResponse
from rest_framework.request import Request

from sightline.api.native import history, stream_documents
from sightline.api.native.jobs import refuse_erased
from sightline.api.native.view import NativeView
from sightline.api.streams import Stream, no_such_event, resumed_after, stream
from sightline.events.stream import SPAN


class EventsView(NativeView):
    """The events of one job."""

    @stream_documents.events
    def get(self, request: Request, public_id: str) -> HttpResponse:
        after = resumed_after(request)
        job = self.job(public_id)
        refuse_erased(job)
        if after // SPAN > job.events.count():
            raise no_such_event("job")
        if not history.has_more(job, after // SPAN):
            # All was told. 204 tells an EventSource not to come back.
            return HttpResponse(status=204)
        return stream(Stream(of=job.pk, after=after))

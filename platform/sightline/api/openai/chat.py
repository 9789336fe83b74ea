"""`/v1/chat/completions`: a chat job that its client waits for. The ASGI shell does the waiting."""

from django.http import HttpResponse
from rest_framework.request import Request

from sightline.api import streams
from sightline.api.native.intake import accept
from sightline.api.native.jobs import OutputExpired, refuse_erased
from sightline.api.native.view import answer
from sightline.api.openai import documents
from sightline.api.openai.completion import completion, head, job_id, public_id
from sightline.api.openai.images import Uploads
from sightline.api.openai.request import job_body, read
from sightline.api.openai.view import OpenAIView
from sightline.api.parsers import json_body
from sightline.errors import NotFound
from sightline.jobs.models import Job
from sightline.jobs.services.submit import Replayed

ROUTE = "POST /v1/chat/completions"


class ChatCompletionsView(OpenAIView):
    """Asking."""

    scopes = {**OpenAIView.scopes, "POST": "submit"}

    @documents.chat
    def post(self, request: Request) -> HttpResponse:
        asked = read(json_body(request))
        found = accept(
            principal=self.principal,
            body=job_body(asked, Uploads(tenant=self.principal.tenant)),
            files={},
            key=request.META.get("HTTP_IDEMPOTENCY_KEY"),
            seats=asked.seats,
            route=ROUTE,
        )
        job = found.job if isinstance(found, Replayed) else found
        if job is None:
            raise OutputExpired("The completion of the first request with this key is no longer kept.")
        if job.ended and not asked.stream:  # out of the cache, or asked again: nothing to wait for
            refuse_erased(job)
            return answer(completion(job))
        wanted = streams.Completion(
            job_id=job.pk,
            path=f"/v1/chat/completions/{public_id(job)}",
            stream=bool(asked.stream),
            include_usage=bool(asked.stream_options and asked.stream_options.include_usage),
            head=head(job),
        )
        return streams.complete(answer(head(job)), wanted)


class ChatCompletionView(OpenAIView):
    """Reading again."""

    @documents.completion
    def get(self, request: Request, completion_id: str) -> HttpResponse:
        job = Job.objects.filter(tenant=self.principal.tenant, pk=job_id(completion_id), kind="chat").first()
        if job is None:
            raise NotFound(f"There is no completion {completion_id[:60]}.")
        refuse_erased(job)
        return answer(completion(job))

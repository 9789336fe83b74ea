"""The playground's pages: the form, a run, what becomes of it."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from sightline.api.native.errors import respond, translate
from sightline.errors import NotFound, Problem
from sightline.jobs.models import Job
from sightline.jobs.services.cancel import cancel
from sightline.kinds.registry import KINDS
from sightline.tenants.models import Tenant
from sightline_dashboard.admin.job_pages import JobPages
from sightline_dashboard.admin.read_only import actor
from sightline_dashboard.playground import request as requests
from sightline_dashboard.playground import run as runs

MODES = (
    ("text", "Text"),
    ("boxes", "Lines with their boxes"),
    ("markdown", "Markdown"),
    ("html", "HTML"),
    ("kie", "Values (kie)"),
)
NUMBERS = (
    ("temperature", "Temperature", "0 is greedy"),
    ("top_p", "Top p", "0 to 1"),
    ("max_tokens", "Most tokens", ""),
    ("seed", "Seed", ""),
    ("pixels_max", "Most pixels of an image", "1310720"),
)
"""Name, label and example of what a run may set of the sampling."""

Answer = Callable[..., HttpResponse]


class MayNotRun(Problem):
    code, status = "scope_missing", 403


def _as_problem(view: Answer) -> Answer:
    """The page's script reads refusals as the API's clients do."""

    def answered(admin: Any, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return view(admin, request, *args, **kwargs)
        except PermissionDenied:
            return respond(request, MayNotRun("You may not do that here. Ask an administrator for the role."))
        except Exception as error:
            return respond(request, translate(error, request))

    return answered


class PlaygroundPages(JobPages):
    """For the admin of jobs."""

    def playground_urls(self) -> list[URLPattern]:
        def view(function: Answer, route: str, name: str) -> URLPattern:
            found: URLPattern = path(f"playground/{route}", self.admin_site.admin_view(function), name=name)
            return found

        return [
            view(self.playground_view, "", "jobs_job_playground"),
            view(self.run_view, "runs/", "jobs_job_playground_run"),
            view(self.state_view, "runs/<str:object_id>/", "jobs_job_playground_state"),
            view(self.result_view, "runs/<str:object_id>/result/", "jobs_job_playground_result"),
            view(self.stop_view, "runs/<str:object_id>/cancel/", "jobs_job_playground_cancel"),
        ]

    def playground_view(self, request: HttpRequest) -> HttpResponse:
        """The form; with `?run=` as that run had it, and what came of it."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        if not settings.PLAYGROUND:
            raise Http404
        shared = request.GET.get("run")
        job = self._own(request, shared) if shared else None
        if shared and job is None:
            raise Http404
        found = runs.result(job, base_url=_base_url(request)) if job else None
        context = {
            **self.admin_site.each_context(request),
            "title": "Playground",
            "may_run": self.has_operate_permission(request),
            "modes": MODES,
            "numbers": NUMBERS,
            "models": list(settings.MODELS),
            "given": runs.filled(job)
            if job
            else {"kind": next(iter(KINDS)), "model": settings.DEFAULT_MODEL},
            "page": found,
            "recent": self._recent(),
        }
        return TemplateResponse(request, "sightline_dashboard/playground/page.html", context)

    @_as_problem
    def run_view(self, request: HttpRequest) -> HttpResponse:
        """Start a run: 201 with where to follow it."""
        if request.method != "POST":
            raise Problem("Runs are started with POST.", code="method_not_allowed", status=405)
        if not self.has_operate_permission(request):
            raise MayNotRun("You may look at runs, but not start any.")
        if not settings.PLAYGROUND:
            raise NotFound("There is no playground here: SIGHTLINE_PLAYGROUND is off.")
        job = requests.start(
            fields=request.POST,
            files=request.FILES,
            operator=request.user.get_username(),
            key=request.headers.get("Idempotency-Key"),
        )
        return JsonResponse({**runs.state(job), "links": _links(job)}, status=201)

    @_as_problem
    def state_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Where the run stands, and its place in the queue."""
        job = self._run(request, object_id)
        return JsonResponse({**runs.state(job), "links": _links(job)})

    @_as_problem
    def result_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The drawn result, a part of the page."""
        job = self._run(request, object_id)
        context = {
            "page": runs.result(job, base_url=_base_url(request)),
            "may_operate": self.has_operate_permission(request),
        }
        return TemplateResponse(request, "sightline_dashboard/playground/result.html", context).render()

    @_as_problem
    def stop_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Cancel the run."""
        if request.method != "POST":
            raise Problem("Runs are cancelled with POST.", code="method_not_allowed", status=405)
        if not self.has_operate_permission(request):
            raise MayNotRun("You may look at runs, but not cancel any.")
        job = self._run(request, object_id)
        cancel(job=job, actor=actor(request))
        return HttpResponse(status=204)

    def _run(self, request: HttpRequest, object_id: str) -> Job:
        job = self._own(request, object_id)
        if job is None:
            raise NotFound("There is no such run.")
        return job

    def _own(self, request: HttpRequest, object_id: str) -> Job | None:
        """A run; another tenant's job is none, and has a page of its own."""
        job = self.visible(request, object_id)
        ours = job is not None and job.erased_at is None and job.tenant.name == settings.PLAYGROUND_TENANT
        return job if ours else None

    def _recent(self) -> list[Job]:
        # The tenant first: joined, PostgreSQL may walk through everybody's jobs in search of a dozen of ours.
        owner = Tenant.objects.filter(name=settings.PLAYGROUND_TENANT).first()
        if owner is None:
            return []
        rows = Job.objects.filter(tenant_id=owner.pk, erased_at=None, shadow=False)
        return list(rows.order_by("-id").defer("output", "usage", "timings")[: runs.RECENT])


def _links(job: Job) -> dict[str, str]:
    def at(name: str) -> str:
        return reverse(f"admin:jobs_job_{name}", args=[job.public_id])

    return {
        "events": at("events"),
        "state": at("playground_state"),
        "result": at("playground_result"),
        "cancel": at("playground_cancel"),
        "page": at("change"),
        "share": f"{reverse('admin:jobs_job_playground')}?run={job.public_id}",
    }


def _base_url(request: HttpRequest) -> str:
    return request.build_absolute_uri("/").rstrip("/")

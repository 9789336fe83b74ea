"""Jobs: the list, one job's page, its images, and what an operator may do to it."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from sightline.jobs.models import Job
from sightline.kinds.images import bound_media
from sightline.kinds.registry import KINDS
from sightline.media import services as media_services
from sightline.triage.verbs import VERBS, Verb
from sightline_dashboard import stuck
from sightline_dashboard.admin import job_actions
from sightline_dashboard.admin.job_comparison import ComparisonPages
from sightline_dashboard.admin.job_edit import EditPages
from sightline_dashboard.admin.job_list import JobListAdmin
from sightline_dashboard.admin.job_stream import JobStream
from sightline_dashboard.admin.playground import PlaygroundPages
from sightline_dashboard.admin.read_only import actor, only_post, reason
from sightline_dashboard.jobpage import page
from sightline_dashboard.pictures import blurred, picture
from sightline_dashboard.untrusted_html import framed


@admin.register(Job)
class JobAdmin(EditPages, ComparisonPages, JobStream, PlaygroundPages, JobListAdmin):
    actions = ("cancel_selected", "retry_selected")

    # --- pages ---
    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("stuck/", view(self.stuck_view), name="jobs_job_stuck"),
            path("<str:object_id>/cancel/", view(self.cancel_view), name="jobs_job_cancel"),
            path("<str:object_id>/retry/", view(self.retry_view), name="jobs_job_retry"),
            path("<str:object_id>/act/<slug:verb>/", view(self.act_view), name="jobs_job_act"),
            path("<str:object_id>/move/", view(self.move_view), name="jobs_job_move"),
            path("<str:object_id>/image/<int:index>/", view(self.image_view), name="jobs_job_image"),
            path("<str:object_id>/html/<int:number>/", view(self.html_view), name="jobs_job_html"),
            *self.edit_urls(),
            *self.comparison_urls(),
            *self.stream_urls(),
            *self.playground_urls(),
            *super().get_urls(),
        ]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponseBase:
        job = self.visible(request, object_id)
        if job is None:
            gone: HttpResponse = self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
            return gone
        shown = page.build(job, base_url=request.build_absolute_uri("/").rstrip("/"))
        may, rarer = self.has_operate_permission(request), job_actions.rarer(job)
        context = {
            **self.admin_site.each_context(request),
            "title": job.public_id,
            "opts": self.opts,
            "page": shown,
            "may_operate": may,
            "may_act": may and bool(shown.can_cancel or shown.can_retry or rarer),
            "rarer": rarer,
            "elsewhere": [kind for kind in KINDS if kind != (job.seats or job.kind)],
            **(extra_context or {}),
        }
        return TemplateResponse(request, "sightline_dashboard/job/page.html", context)

    def stuck_view(self, request: HttpRequest) -> HttpResponse:
        """What should have moved and did not."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        context = {
            **self.admin_site.each_context(request),
            "title": "Stuck",
            "parts": stuck.parts(),
            "board": "stuck",
        }
        return TemplateResponse(request, "sightline_dashboard/stuck.html", context)

    def image_view(self, request: HttpRequest, object_id: str, index: int) -> HttpResponse:
        """Image `index` of the job's input, in prompt order."""
        job = self.visible(request, object_id)
        found = bound_media(job.input) if job else []
        if job is None or index >= len(found):
            raise Http404
        digest = found[index]["sha256"]
        media = media_services.by_sha256(tenant_id=job.tenant_id, digests=[digest]).get(digest)
        if media is None:
            raise Http404
        # Whoever may see jobs sees where a click went; what people sent needs a permission of its own.
        return picture(media) if request.user.has_perm("media.view_media") else blurred(media)

    def html_view(self, request: HttpRequest, object_id: str, number: int) -> HttpResponse:
        """The HTML that the model wrote for page `number`, locked in."""
        job = self.visible(request, object_id)
        pages = ((job.output or {}).get("pages") or []) if job else []
        text = next((found.get("html") for found in pages if found.get("page") == number), None)
        if text is None:
            raise Http404
        return framed(text)

    # --- one job ---
    def cancel_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._operate(request, object_id, VERBS["cancel"])

    def retry_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._operate(request, object_id, VERBS["retry"])

    def act_view(self, request: HttpRequest, object_id: str, verb: str) -> HttpResponse:
        """Expire, quarantine, release."""
        if verb not in job_actions.RARER:
            raise Http404
        return self._operate(request, object_id, VERBS[verb])

    def move_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Change whose seats a waiting job takes."""
        seats = request.POST.get("seats", "")
        if request.method == "POST" and seats not in KINDS:
            raise Http404
        return self._operate(request, object_id, job_actions.moving(seats))

    def _operate(self, request: HttpRequest, object_id: str, verb: Verb) -> HttpResponse:
        if refusal := only_post(request):
            return refusal
        if not self.has_operate_permission(request):
            raise PermissionDenied
        job = self.visible(request, object_id)
        if job is None:
            raise Http404
        done, refusals = job_actions.act(verb, [job], actor=actor(request), reason=reason(request))
        self._report(request, verb, done, refusals)
        return HttpResponseRedirect(reverse("admin:jobs_job_change", args=[job.public_id]))

    # --- many jobs ---
    @admin.action(description="Cancel…", permissions=["operate"])
    def cancel_selected(self, request: HttpRequest, queryset: QuerySet[Job]) -> HttpResponse | None:
        return self._operate_on(request, queryset, VERBS["cancel"])

    @admin.action(description="Retry…", permissions=["operate"])
    def retry_selected(self, request: HttpRequest, queryset: QuerySet[Job]) -> HttpResponse | None:
        return self._operate_on(request, queryset, VERBS["retry"])

    def _operate_on(self, request: HttpRequest, queryset: QuerySet[Job], verb: Verb) -> HttpResponse | None:
        chosen = queryset.select_related("tenant").order_by("-pk")
        selection = job_actions.select(verb, list(chosen[: job_actions.LARGEST_SELECTION + 1]))
        if "confirmed" in request.POST and not selection.too_many:
            done, refusals = job_actions.act(
                verb, selection.jobs, actor=actor(request), reason=reason(request)
            )
            self._report(request, verb, done, refusals)
            return None
        context = {
            **self.admin_site.each_context(request),
            "title": f"{verb.name.capitalize()} jobs",
            "opts": self.opts,
            "verb": verb,
            "selection": selection,
            "limit": job_actions.LARGEST_SELECTION,
            "action": request.POST["action"],
        }
        return TemplateResponse(request, "sightline_dashboard/job/confirm.html", context)

    def _report(self, request: HttpRequest, verb: Verb, done: int, refusals: list[str]) -> None:
        if done:
            messages.success(request, f"{done} job{'s' * (done != 1)} {verb.done}.")
        if refusals:
            more = f" And {len(refusals) - 3} more." if len(refusals) > 3 else ""
            messages.warning(request, f"Not {verb.done}: " + " ".join(refusals[:3]) + more)

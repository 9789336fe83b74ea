"""Replaying a job, and holding two jobs against each other."""

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from sightline.api.authentication import Sender
from sightline.api.native.replay import replay
from sightline.errors import Conflict, Problem
from sightline.jobs.models import Job
from sightline_dashboard.admin.job_pages import JobPages
from sightline_dashboard.admin.read_only import actor
from sightline_dashboard.compare.page import address, build
from sightline_dashboard.replay_form import ReplayForm


class ComparisonPages(JobPages):
    """For the admin of jobs."""

    def comparison_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("<str:object_id>/replay/", view(self.replay_view), name="jobs_job_replay"),
            path("<str:object_id>/compare/<str:other_id>/", view(self.compare_view), name="jobs_job_compare"),
        ]

    def replay_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """What the new job shall have otherwise; then the two of them side by side."""
        if not self.has_operate_permission(request):
            raise PermissionDenied
        job = self.visible(request, object_id)
        if job is None:
            raise Http404
        form = ReplayForm(request.POST or None, job=job)
        if request.method == "POST" and form.is_valid():
            try:
                made = _replayed(job, form, actor=actor(request))
            except Problem as problem:
                form.refuse(problem)
            else:
                return HttpResponseRedirect(address(job, made))
        context = {
            **self.admin_site.each_context(request),
            "title": f"Replay {job.public_id}",
            "opts": self.opts,
            "job": job,
            "form": form,
        }
        status = 422 if form.errors else 200
        return TemplateResponse(request, "sightline_dashboard/compare/replay.html", context, status=status)

    def compare_view(self, request: HttpRequest, object_id: str, other_id: str) -> HttpResponse:
        """The second job against the first."""
        first, second = self.visible(request, object_id), self.visible(request, other_id)
        if first is None or second is None:
            raise Http404
        if first.kind != second.kind:
            messages.error(request, f"{first.kind} and {second.kind} jobs have nothing to compare.")
            return HttpResponseRedirect(reverse("admin:jobs_job_change", args=[first.public_id]))
        context = {
            **self.admin_site.each_context(request),
            "title": "Side by side",
            "opts": self.opts,
            "page": build(first, second),
            "may_operate": self.has_operate_permission(request),
        }
        return TemplateResponse(request, "sightline_dashboard/compare/page.html", context)


def _replayed(job: Job, form: ReplayForm, *, actor: str) -> Job:
    """The new job, once for each form that was shown, however often it is sent.

    It counts for the quotas of the job's own tenant.
    """
    sender = Sender(tenant=job.tenant, key=None, operator=actor)
    made = replay(sender=sender, job=job, changes=form.changes(), key=form.key())
    if isinstance(made, Job):
        return made
    if made.job is None:
        raise Conflict("The job that this form made has been deleted since.")
    return made.job

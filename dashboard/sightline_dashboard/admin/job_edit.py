"""Running an ended job once more with another input."""

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from sightline.api.authentication import Sender
from sightline.api.native.replay import body
from sightline.api.native.retrying import retry_asked
from sightline.api.native.schemas import Replay
from sightline.errors import Problem
from sightline_dashboard.admin.job_pages import JobPages
from sightline_dashboard.admin.read_only import actor
from sightline_dashboard.edit_form import EditForm


class EditPages(JobPages):
    """For the admin of jobs."""

    def edit_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [path("<str:object_id>/edit/", view(self.edit_view), name="jobs_job_edit")]

    def edit_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """What the job is asked instead; then its page again, where it waits."""
        if not self.has_operate_permission(request):
            raise PermissionDenied
        job = self.visible(request, object_id)
        if job is None:
            raise Http404
        back = HttpResponseRedirect(reverse("admin:jobs_job_change", args=[job.public_id]))
        try:
            asked = body(job, Replay())["input"]
        except Problem as problem:  # an image is gone
            messages.error(request, problem.detail)
            return back
        form = EditForm(request.POST or None, request.FILES or None, job=job, asked=asked)
        if request.method == "POST" and form.is_valid():
            sender = Sender(tenant=job.tenant, key=None, operator=actor(request))
            try:
                retry_asked(sender=sender, job=job, changes=form.changes())
            except Problem as problem:
                form.refuse(problem)
            else:
                messages.success(request, "Queued again.")
                return back
        context = {
            **self.admin_site.each_context(request),
            "title": f"Edit and retry {job.public_id}",
            "opts": self.opts,
            "job": job,
            "form": form,
        }
        status = 422 if form.errors else 200
        return TemplateResponse(request, "sightline_dashboard/job/edit.html", context, status=status)

"""Events: every transition of every job."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from sightline import ids
from sightline.jobs.models import JobEvent
from sightline_dashboard.admin.read_only import HistoryAdmin
from sightline_dashboard.job_link import job_link


@admin.register(JobEvent)
class JobEventAdmin(HistoryAdmin):
    list_display = ("at", "type", "of_job", "run", "actor", "data")
    search_fields = ("pk",)  # makes the search box appear; `get_search_results` reads it
    search_help_text = "job_…"
    fields = ("at", "type", "of_job", "run", "actor", "data")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[JobEvent], search_term: str
    ) -> tuple[QuerySet[JobEvent], bool]:
        if not search_term.strip():
            return queryset, False
        try:
            return queryset.filter(job_id=ids.decode(ids.JOB, search_term.strip())), False
        except ids.InvalidId:
            return queryset.none(), False

    @admin.display(description="Job")
    def of_job(self, event: JobEvent) -> SafeString:
        return job_link(event.job_id)

"""Attempts: every claim of a job by a worker."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from sightline import ids
from sightline.jobs.models import Attempt
from sightline_dashboard import badges
from sightline_dashboard.admin.read_only import HistoryAdmin
from sightline_dashboard.durations import duration
from sightline_dashboard.flower import task_url
from sightline_dashboard.job_link import job_link


@admin.register(Attempt)
class AttemptAdmin(HistoryAdmin):
    list_display = (
        "state",
        "of_job",
        "run",
        "worker",
        "took",
        "phase",
        "error_code",
        "fingerprint",
        "started_at",
    )
    list_display_links = ("state",)
    list_filter = ("outcome",)
    search_fields = ("pk",)  # makes the search box appear; `get_search_results` reads it
    search_help_text = "job_… · a fingerprint · a Celery task id"
    fields = (
        "of_job",
        "run",
        "state",
        "worker",
        "group",
        "engine",
        "task",
        "started_at",
        "ended_at",
        "timings",
        "usage",
        "phase",
        "error_type",
        "error_code",
        "message",
        "frames",
        "said",
        "fingerprint",
    )

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Attempt], search_term: str
    ) -> tuple[QuerySet[Attempt], bool]:
        for word in search_term.split():
            try:
                queryset = queryset.filter(job_id=ids.decode(ids.JOB, word))
            except ids.InvalidId:
                field = "celery_task_id" if "-" in word else "fingerprint"
                queryset = queryset.filter(**{field: word})
        return queryset, False

    @admin.display(description="Outcome")
    def state(self, attempt: Attempt) -> SafeString:
        return badges.badge(attempt.outcome, attempt.get_outcome_display())

    @admin.display(description="Job")
    def of_job(self, attempt: Attempt) -> SafeString:
        return job_link(attempt.job_id)

    @admin.display(description="Took")
    def took(self, attempt: Attempt) -> str:
        if attempt.ended_at is None:
            return "–"
        return duration((attempt.ended_at - attempt.started_at).total_seconds() * 1000)

    @admin.display(description="Celery task")
    def task(self, attempt: Attempt) -> SafeString | str:
        if not attempt.celery_task_id:
            return "–"
        return format_html('<a href="{}">{}</a>', task_url(attempt.celery_task_id), attempt.celery_task_id)

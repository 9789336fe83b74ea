"""The columns of a list of jobs: all there are, and those that are shown when nobody says."""

from typing import Any

from django.contrib import admin
from django.utils.html import format_html
from django.utils.safestring import SafeString

from sightline.jobs.models import Job
from sightline_dashboard import badges
from sightline_dashboard.durations import duration

COLUMNS = {
    "state": "Status",
    "name": "Job",
    "kind": "Kind",
    "model": "Model",
    "tenant": "Tenant",
    "wait": "Wait",
    "ran": "Run",
    "group": "Group",
    "error_code": "Error",
    "created": "Created",
    "ended": "Ended",
    "run": "Runs",
    "worker": "Worker",
    "queue": "Queue",
    "tag_names": "Tags",
    "served_from": "Served from",
}
USUAL = ("state", "name", "kind", "model", "tenant", "wait", "ran", "group", "error_code", "created")
ALWAYS = "name"
"""The link to the job."""


def chosen(names: list[str]) -> tuple[str, ...]:
    """The known ones among `names`, in their order, with the link; the usual ones where none is known."""
    found = list(dict.fromkeys(name for part in names for name in part.split(",") if name in COLUMNS))
    if not found:
        return USUAL
    return tuple(found if ALWAYS in found else [ALWAYS, *found])


class JobColumns:
    """What each column says of a job."""

    @admin.display(description="Status")
    def state(self, job: Job) -> SafeString:
        return badges.badge(job.status)

    @admin.display(description="Job")
    def name(self, job: Job) -> SafeString:
        return format_html('<code class="sl-id">{}</code>', job.public_id)

    @admin.display(description="Wait")
    def wait(self, job: Job) -> str:
        return duration((job.claimed_at - job.created_at).total_seconds() * 1000) if job.claimed_at else "–"

    @admin.display(description="Run")
    def ran(self, job: Job) -> str:
        if not (job.claimed_at and job.ended_at):
            return "–"
        return duration((job.ended_at - job.claimed_at).total_seconds() * 1000)

    @admin.display(description="Error")
    def error_code(self, job: Job) -> str:
        return str((job.error or {}).get("code", ""))

    @admin.display(description="Created")
    def created(self, job: Job) -> str:
        return _moment(job.created_at)

    @admin.display(description="Ended")
    def ended(self, job: Job) -> str:
        return _moment(job.ended_at)

    @admin.display(description="Tags")
    def tag_names(self, job: Job) -> str:
        return ", ".join(job.tags)


def _moment(value: Any) -> str:
    return f"{value:%m-%d %H:%M:%S}" if value else "–"

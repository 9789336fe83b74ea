"""A job by its id, without a look at its row."""

from uuid import UUID

from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from sightline import ids


def job_link(job_id: UUID) -> SafeString:
    public = ids.encode(ids.JOB, job_id)
    return format_html(
        '<a class="sl-link" href="{}"><code class="sl-id">{}</code></a>',
        reverse("admin:jobs_job_change", args=[public]),
        public,
    )

"""Sessions that nobody used for long are deleted, with their steps."""

from django.db.models import Exists, OuterRef

from sightline.clock import After
from sightline.jobs.models import Job
from sightline.jobs.status import ACTIVE
from sightline.sessions.models import Session

BATCH = 200
"""Sessions that one call deletes: each may have thousands of steps."""


def apply_retention() -> int:
    """Delete sessions past their retention that no job goes on from; how many. Their images go once unused."""
    due: list[Session] = []
    busy = Job.objects.filter(pk=OuterRef("job_id"), status__in=ACTIVE)
    for retention_s in (
        Session.objects.order_by("retention_s").values_list("retention_s", flat=True).distinct()
    ):
        old = Session.objects.filter(retention_s=retention_s, used_at__lt=After(-retention_s))
        due += old.filter(~Exists(busy)).order_by("used_at")[: BATCH - len(due)]
        if len(due) >= BATCH:
            break
    Session.objects.filter(pk__in=[session.pk for session in due]).delete()
    return len(due)

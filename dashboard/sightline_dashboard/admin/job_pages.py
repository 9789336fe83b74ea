"""What every page of a job begins with: finding the job that the address names, for who may see it."""

from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from sightline import ids
from sightline.jobs.models import Job
from sightline_dashboard.admin.read_only import HistoryAdmin


class JobPages(HistoryAdmin):
    """Base of the parts that the admin of jobs is made of."""

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Job | None:
        if object_id.startswith(f"{ids.JOB}_"):
            try:
                object_id = str(ids.decode(ids.JOB, object_id))
            except ids.InvalidId:
                return None
        found: Job | None = super().get_object(request, object_id, from_field)
        return found

    def visible(self, request: HttpRequest, object_id: str) -> Job | None:
        """The job of that id, for who may see jobs."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        queryset = Job.objects.select_related("tenant", "api_key")
        try:
            key = ids.decode(ids.JOB, unquote(object_id))
        except ids.InvalidId:
            plain = self.get_object(request, unquote(object_id))
            if plain is None:
                return None
            key = plain.pk
        return queryset.filter(pk=key).first()

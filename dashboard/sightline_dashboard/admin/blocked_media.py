"""Pictures that brought engines down. An operator who has looked at one may release it."""

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from sightline import ids
from sightline.media import services
from sightline.media.models import BlockedMedia
from sightline_dashboard import badges
from sightline_dashboard.admin.read_only import ReadOnlyAdmin, actor
from sightline_dashboard.job_link import job_link


@admin.register(BlockedMedia)
class BlockedMediaAdmin(ReadOnlyAdmin):
    list_display = ("state", "picture", "tenant", "of_job", "reason", "created_at", "released_by")
    list_display_links = ("picture",)
    list_select_related = ("tenant",)
    list_filter = (("released_at", admin.EmptyFieldListFilter),)
    search_fields = ("pixel_sha256", "job")
    ordering = ("-id",)
    actions = ("release_selected",)
    fields = (
        "state",
        "pixel_sha256",
        "tenant",
        "of_job",
        "reason",
        "created_at",
        "released_at",
        "released_by",
    )

    @admin.display(description="State")
    def state(self, blocked: BlockedMedia) -> SafeString:
        return (
            badges.badge("open", "Released")
            if blocked.released_at
            else badges.badge("quarantined", "Blocked")
        )

    @admin.display(description="Picture")
    def picture(self, blocked: BlockedMedia) -> str:
        return f"{blocked.pixel_sha256[:16]}…"

    @admin.display(description="Job")
    def of_job(self, blocked: BlockedMedia) -> SafeString | str:
        try:
            return job_link(ids.decode(ids.JOB, blocked.job))
        except ids.InvalidId:
            return "–"

    @admin.action(description="Release", permissions=["operate"])
    def release_selected(self, request: HttpRequest, queryset: QuerySet[BlockedMedia]) -> None:
        released = 0
        for blocked in queryset:
            if services.release(blocked=blocked, by=actor(request)):
                self.log_change(request, blocked, "Released.")
                released += 1
        messages.success(request, f"Released {released}: accepted again from the next request on.")

"""Tenants: their share of a queue and how much they may have waiting."""

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin

from sightline.tenants.models import Tenant


@admin.register(Tenant)
class TenantAdmin(ModelAdmin):  # type: ignore[misc]
    list_display = ("name", "weight", "max_queued", "jobs", "created_at")
    fields = ("name", "weight", "max_queued", "quotas")
    search_fields = ("name",)
    ordering = ("name",)

    def has_delete_permission(self, request: HttpRequest, obj: Tenant | None = None) -> bool:
        """Everything stored belongs to a tenant: it is not deleted with one click."""
        return False

    @admin.display(description="Jobs")
    def jobs(self, tenant: Tenant) -> SafeString:
        query = urlencode({"q": f"tenant:{tenant.name}"})
        return format_html(
            '<a class="sl-link" href="{}?{}">Show</a>', reverse("admin:jobs_job_changelist"), query
        )

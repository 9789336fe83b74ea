"""Tenants: their share of a queue and how much they may have waiting."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString

from sightline.audit import services as audit
from sightline.tenants.models import Tenant
from sightline_dashboard.admin.read_only import NamedList, actor


@admin.register(Tenant)
class TenantAdmin(NamedList):
    list_display = ("name", "weight", "max_queued", "jobs", "created_at")
    fields = ("name", "weight", "max_queued", "quotas")
    search_fields = ("name",)
    ordering = ("name",)

    def save_model(self, request: HttpRequest, obj: Tenant, form: Any, change: bool) -> None:
        before = Tenant.objects.filter(pk=obj.pk).first() if change else None
        super().save_model(request, obj, form, change)
        audit.write(
            actor=actor(request),
            action="tenant.change" if change else "tenant.create",
            subject=obj.name,
            before=_rights(before) if before else {},
            after=_rights(obj),
        )

    def has_delete_permission(self, request: HttpRequest, obj: Tenant | None = None) -> bool:
        """Everything stored belongs to a tenant: it is not deleted with one click."""
        return False

    @admin.display(description="Jobs")
    def jobs(self, tenant: Tenant) -> SafeString:
        query = urlencode({"q": f"tenant:{tenant.name}"})
        return format_html(
            '<a class="sl-link" href="{}?{}">Show</a>', reverse("admin:jobs_job_changelist"), query
        )


def _rights(tenant: Tenant) -> dict[str, Any]:
    return {
        "name": tenant.name,
        "weight": tenant.weight,
        "max_queued": tenant.max_queued,
        "quotas": tenant.quotas,
    }

"""Bulk acts: the dry run, the first three, the rest; progress and a stop button."""

from functools import partial
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from sightline import ids
from sightline.errors import Problem
from sightline.triage import bulk as bulks
from sightline.triage.models import Bulk, BulkItem, Cause, ItemState
from sightline.triage.verbs import VERBS
from sightline_dashboard import badges
from sightline_dashboard.admin.read_only import HistoryAdmin, actor, only_post, reason

FAILURES = 50


@admin.register(Bulk)
class BulkAdmin(HistoryAdmin):
    list_display = (
        "state_badge",
        "name",
        "action",
        "search",
        "total",
        "done",
        "failed",
        "actor",
        "created_at",
    )
    list_display_links = ("name",)
    search_fields = ("search", "actor")

    @admin.display(description="State")
    def state_badge(self, bulk: Bulk) -> SafeString:
        return badges.badge(bulk.state, bulk.get_state_display())

    @admin.display(description="Bulk act")
    def name(self, bulk: Bulk) -> SafeString:
        return format_html('<code class="sl-id">{}</code>', bulk.public_id)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("freeze/", view(self.freeze_view), name="triage_bulk_freeze"),
            path("<uuid:key>/run/", view(self.run_view), name="triage_bulk_run"),
            path("<uuid:key>/stop/", view(self.stop_view), name="triage_bulk_stop"),
            *super().get_urls(),
        ]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        bulk = self._find(object_id)
        verb = VERBS[bulk.action]
        context = {
            **self.admin_site.each_context(request),
            "title": f"{verb.name.capitalize()} {bulk.total} job{'s' * (bulk.total != 1)}",
            "bulk": bulk,
            "verb": verb,
            "first": min(bulks.FIRST, bulk.total),
            "rest": max(0, bulk.total - bulks.FIRST),
            "outcomes": sorted(bulks.outcomes(bulk).items()) if bulk.started_at else [],
            "refused": list(
                BulkItem.objects.filter(bulk=bulk, state=ItemState.FAILED).select_related("job")[:FAILURES]
            ),
            "may_operate": request.user.has_perm("jobs.change_job"),
            "may_resolve": request.user.has_perm("triage.change_cause"),
        }
        return TemplateResponse(request, "sightline_dashboard/bulk.html", context)

    def freeze_view(self, request: HttpRequest) -> HttpResponse:
        """The dry run of what the form names: action, search, cause."""
        if refusal := self._refusal(request):
            return refusal
        cause = Cause.objects.filter(pk=request.POST.get("cause", "")).first()
        try:
            bulk = bulks.freeze(
                action=request.POST.get("action", ""),
                search=request.POST.get("search", "") or (f"fingerprint:{cause.pk}" if cause else ""),
                actor=actor(request),
                cause=cause,
                reason=reason(request),
            )
        except Problem as problem:
            messages.error(request, problem.detail)
            back = (
                reverse("admin:triage_cause_change", args=[cause.pk])
                if cause
                else reverse("admin:jobs_job_changelist")
            )
            return HttpResponseRedirect(back)
        return self._to(bulk)

    def run_view(self, request: HttpRequest, key: Any) -> HttpResponse:
        return self._operate(request, key, partial(bulks.run, reason=reason(request)))

    def stop_view(self, request: HttpRequest, key: Any) -> HttpResponse:
        return self._operate(request, key, bulks.stop)

    def _operate(self, request: HttpRequest, key: Any, act: Any) -> HttpResponse:
        if refusal := self._refusal(request):
            return refusal
        bulk = self._find(str(key))
        try:
            act(bulk=bulk, actor=actor(request))
        except Problem as problem:
            messages.error(request, problem.detail)
        return self._to(bulk)

    def _refusal(self, request: HttpRequest) -> HttpResponse | None:
        if refusal := only_post(request):
            return refusal
        if not request.user.has_perm("jobs.change_job"):
            raise PermissionDenied
        return None

    def _to(self, bulk: Bulk) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:triage_bulk_change", args=[bulk.pk]))

    def _find(self, text: str) -> Bulk:
        try:
            key = ids.decode(ids.BULK, text) if text.startswith(ids.BULK) else Bulk._meta.pk.to_python(text)
        except Exception as error:
            raise Http404 from error
        found = Bulk.objects.select_related("cause", "tenant").filter(pk=key).first()
        if found is None:
            raise Http404
        return found

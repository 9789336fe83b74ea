"""The error inbox: a row per cause instead of a row per failure."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from sightline.jobs.models import Attempt, Job
from sightline.jobs.services.retry import RETRYABLE
from sightline.triage import causes, search
from sightline.triage.models import Bulk, Cause
from sightline_dashboard.admin.pressed import pressed
from sightline_dashboard.admin.read_only import ReadOnlyAdmin, actor
from sightline_dashboard.causes import board
from sightline_dashboard.causes.rows import VIEWS, row_of
from sightline_dashboard.home.database_time import database_now

SAMPLES = 10
_COUNTED = 10_000
MUTES = {"1": "an hour", "4": "4 hours", "24": "a day", "168": "a week"}
"""Hours, and how they are said."""


@admin.register(Cause)
class CauseAdmin(ReadOnlyAdmin):
    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        variant = board.variant(request)
        if variant is None:
            raise Http404
        context = {
            **self.admin_site.each_context(request),
            "title": "Errors",
            "parts": board.parts(variant),
            "board": "errors",
            "views": [(key, words) for key, (words, _) in VIEWS.items()],
            "chosen": request.GET.get("view", "inbox"),
        }
        return TemplateResponse(request, "sightline_dashboard/causes/inbox.html", context)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        cause = Cause.objects.filter(pk=object_id).first()
        if not self.has_view_permission(request):
            raise PermissionDenied
        if cause is None:
            raise Http404
        now = database_now()
        failed = Job.objects.filter(search.condition(f"fingerprint:{cause.pk}"), erased_at=None)
        attempts = Attempt.objects.filter(fingerprint=cause.pk).order_by("-id")
        context = {
            **self.admin_site.each_context(request),
            "title": "One cause",
            "opts": self.opts,
            "row": row_of(cause, now),
            "cause": cause,
            "tallies": [
                (name, sorted(counts.items(), key=lambda item: -item[1])[:8])
                for name, counts in sorted(cause.tallies.items())
            ],
            "samples": list(
                attempts.select_related("job__tenant").defer("job__input", "job__output")[:SAMPLES]
            ),
            "retryable": failed.filter(status__in=RETRYABLE).order_by()[: _COUNTED + 1].count(),
            "counted": _COUNTED,
            "bulks": list(Bulk.objects.filter(cause=cause)[:5]),
            "may_operate": self.has_operate_permission(request),
            "may_retry": request.user.has_perm("jobs.change_job"),
            "mutes": MUTES,
            "search": f"fingerprint:{cause.pk}",
            "now": now,
        }
        return TemplateResponse(request, "sightline_dashboard/causes/cause.html", context)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("<str:fingerprint>/act/", view(self.act_view), name="triage_cause_act"),
            *super().get_urls(),
        ]

    def act_view(self, request: HttpRequest, fingerprint: str) -> HttpResponse:
        """Acknowledge, resolve, reopen, mute or note: what the pressed button names."""
        return pressed(
            request,
            lambda: self._act(request, fingerprint),
            may=self.has_operate_permission(request),
            back=reverse("admin:triage_cause_change", args=[fingerprint]),
        )

    def _act(self, request: HttpRequest, fingerprint: str) -> str:
        who = actor(request)
        match request.POST.get("act"):
            case "acknowledge":
                causes.acknowledge(fingerprint=fingerprint, actor=who, owner=request.user.get_username())
                return "It is yours."
            case "release":
                causes.reopen(fingerprint=fingerprint, actor=who)
                return "It is nobody's."
            case "resolve":
                causes.resolve(fingerprint=fingerprint, actor=who)
                return "Resolved. If it fails again, it comes back as regressed."
            case "reopen":
                causes.reopen(fingerprint=fingerprint, actor=who)
                return "Open again."
            case "mute":
                hours = request.POST.get("hours", "24")
                if hours not in MUTES:
                    raise Http404
                causes.mute(fingerprint=fingerprint, actor=who, hours=float(hours))
                return f"Muted for {MUTES[hours]}; a regression ends it."
            case "unmute":
                causes.mute(fingerprint=fingerprint, actor=who, hours=0)
                return "In the inbox again."
            case "note":
                causes.annotate(fingerprint=fingerprint, actor=who, note=request.POST.get("note", "")[:4000])
                return "Noted."
        raise Http404

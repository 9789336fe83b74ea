"""The error inbox: a row per cause instead of a row per failure."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString

from sightline.errors import Problem
from sightline.jobs.models import Attempt, Job
from sightline.jobs.services.retry import RETRYABLE
from sightline.triage import causes, search
from sightline.triage.models import Bulk, Cause, CauseState
from sightline_dashboard.admin.read_only import ReadOnlyAdmin, actor, only_post
from sightline_dashboard.home.database_time import database_now
from sightline_dashboard.sparkline import sparkline

SHOWN = 100
SAMPLES = 10
_COUNTED = 10_000
_OPEN = (CauseState.REGRESSED, CauseState.OPEN, CauseState.ACKNOWLEDGED)


@dataclass(frozen=True, kw_only=True)
class Row:
    """A cause and what its line shows of it."""

    cause: Cause
    spark: SafeString
    last_day: int
    kinds: list[str]
    groups: list[str]
    models: list[str]
    tenants: list[str]
    muted: bool


def rows(queryset: QuerySet[Cause], *, now: datetime, most: int = SHOWN) -> list[Row]:
    """One query; regressed ones first, then by when they were last seen."""
    found = list(queryset.order_by("-last_seen")[:most])
    found.sort(key=lambda cause: cause.state != CauseState.REGRESSED)
    return [_row(cause, now) for cause in found]


def _row(cause: Cause, now: datetime) -> Row:
    counts = causes.sparkline(cause, now=now)
    return Row(
        cause=cause,
        spark=sparkline(counts, words=f"{sum(counts)} within 24 hours, {sum(counts[-6:])} in the last one"),
        last_day=sum(counts),
        kinds=_names(cause, "kind"),
        groups=_names(cause, "group"),
        models=_names(cause, "model"),
        tenants=_names(cause, "tenant"),
        muted=bool(cause.muted_until and cause.muted_until > now),
    )


def _names(cause: Cause, name: str) -> list[str]:
    counts = cause.tallies.get(name, {})
    return sorted(counts, key=lambda value: -counts[value])


def inbox(*, now: datetime) -> QuerySet[Cause]:
    """What somebody should look at: neither resolved nor muted."""
    return Cause.objects.filter(Q(muted_until=None) | Q(muted_until__lte=now), state__in=_OPEN)


def muted(*, now: datetime) -> QuerySet[Cause]:
    return Cause.objects.filter(muted_until__gt=now)


def resolved(*, now: datetime) -> QuerySet[Cause]:
    return Cause.objects.filter(state=CauseState.RESOLVED)


def everything(*, now: datetime) -> QuerySet[Cause]:
    return Cause.objects.all()


_VIEWS = {
    "inbox": ("Inbox", inbox),
    "muted": ("Muted", muted),
    "resolved": ("Resolved", resolved),
    "all": ("All", everything),
}


@admin.register(Cause)
class CauseAdmin(ReadOnlyAdmin):
    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        chosen = request.GET.get("view", "inbox")
        if chosen not in _VIEWS:
            raise Http404
        now = database_now()
        context = {
            **self.admin_site.each_context(request),
            "title": "Errors",
            "rows": rows(_VIEWS[chosen][1](now=now), now=now),
            "views": [(key, words) for key, (words, _) in _VIEWS.items()],
            "chosen": chosen,
            "limit": SHOWN,
            "now": now,
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
            "title": cause.code or cause.error_type,
            "row": _row(cause, now),
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
        if refusal := only_post(request):
            return refusal
        if not self.has_operate_permission(request):
            raise PermissionDenied
        try:
            messages.success(request, self._act(request, fingerprint))
        except Problem as problem:
            messages.error(request, problem.detail)
        return HttpResponseRedirect(reverse("admin:triage_cause_change", args=[fingerprint]))

    def _act(self, request: HttpRequest, fingerprint: str) -> str:
        who = actor(request)
        match request.POST.get("act"):
            case "acknowledge":
                causes.acknowledge(fingerprint=fingerprint, actor=who, owner=request.user.get_username())
                return "It is yours."
            case "resolve":
                causes.resolve(fingerprint=fingerprint, actor=who)
                return "Resolved. If it fails again, it comes back as regressed."
            case "reopen":
                causes.reopen(fingerprint=fingerprint, actor=who)
                return "Open again."
            case "mute":
                causes.mute(fingerprint=fingerprint, actor=who, hours=24)
                return "Muted for 24 hours."
            case "unmute":
                causes.mute(fingerprint=fingerprint, actor=who, hours=0)
                return "In the inbox again."
            case "note":
                causes.annotate(fingerprint=fingerprint, actor=who, note=request.POST.get("note", "")[:4000])
                return "Noted."
        raise Http404

"""Hits of the near cache that were checked, and the switch that the checks may throw."""

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from sightline.near import switch
from sightline.near.models import Check, Switch
from sightline.near.verdict import Verdict
from sightline_dashboard import badges
from sightline_dashboard.admin.read_only import HistoryAdmin, ReadOnlyAdmin, actor
from sightline_dashboard.job_link import job_link

_STATUS = {
    Verdict.SAME: "succeeded",
    Verdict.DIFFERENT: "failed",
    Verdict.VOID: "cancelled",
    Verdict.PENDING: "queued",
}


@admin.register(Check)
class CheckAdmin(HistoryAdmin):
    """One row a checked hit: the hit, the job whose answer it got, and the one that asked the engine again."""

    list_display = (
        "told",
        "kind",
        "model",
        "tenant",
        "hit",
        "answered_by",
        "asked_again",
        "created_at",
        "ended_at",
    )
    list_select_related = ("tenant",)
    list_filter = ("verdict", "kind", "model")
    fields = list_display

    @admin.display(description="Verdict")
    def told(self, check: Check) -> SafeString:
        verdict = Verdict(check.verdict)
        return badges.badge(_STATUS[verdict], verdict.label)

    @admin.display(description="Hit")
    def hit(self, check: Check) -> SafeString | str:
        return job_link(check.job_id) if check.job_id else "–"

    @admin.display(description="Answer of")
    def answered_by(self, check: Check) -> SafeString:
        return job_link(check.source)

    @admin.display(description="Asked again as")
    def asked_again(self, check: Check) -> SafeString | str:
        if check.shadow is None or check.verdict in (Verdict.SAME, Verdict.VOID):
            return "–"  # the shadow of a hit that was right is gone
        return job_link(check.shadow)


@admin.register(Switch)
class SwitchAdmin(ReadOnlyAdmin):
    """Kinds and models whose hits were ever switched off."""

    list_display = ("state", "kind", "model", "rate", "off_at", "off_by", "counted_from")
    list_display_links = None
    actions = ("serve_again",)

    @admin.display(description="Hits")
    def state(self, row: Switch) -> SafeString:
        return badges.badge("failed", "Off") if row.off_at else badges.badge("open", "Served")

    @admin.display(description="False of checked")
    def rate(self, row: Switch) -> str:
        state = switch.of(kind=row.kind, model=row.model)
        return f"{state.false} of {state.checked}, at most {state.upper:.2%}"

    @admin.action(description="Serve again, and count anew", permissions=["operate"])
    def serve_again(self, request: HttpRequest, queryset: QuerySet[Switch]) -> None:
        rows = list(queryset)
        for row in rows:
            switch.turn(kind=row.kind, model=row.model, serve=True, actor=actor(request))
        self.message_user(request, f"Near hits are served again: {len(rows)}.", messages.SUCCESS)

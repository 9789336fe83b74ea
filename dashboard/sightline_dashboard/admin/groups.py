"""GPU groups: what serves the jobs. An operator drains one before its machine is touched, or shares seats out anew."""

from django.contrib import admin, messages
from django.contrib.admin.utils import quote
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString

from sightline.errors import NotFound, Problem
from sightline.fleet import groups, seats
from sightline.fleet.models import Group
from sightline_dashboard import badges
from sightline_dashboard.admin.read_only import ReadOnlyAdmin, actor, only_post, reason

_NO_SEATS = ("csrfmiddlewaretoken", "reason")


@admin.register(Group)
class GroupAdmin(ReadOnlyAdmin):
    list_display = (
        "id",
        "engine",
        "takes",
        "tag",
        "seats",
        "kv_tokens",
        "restarts",
        "heartbeat_at",
        "detail",
    )
    list_filter = ("state", "intake")
    search_fields = ("id", "tag")
    ordering = ("id",)
    change_form_outer_before_template = "sightline_dashboard/group_seats.html"

    @admin.display(description="Engine", ordering="state")
    def engine(self, group: Group) -> SafeString:
        return badges.badge(group.state)

    @admin.display(description="Intake", ordering="intake")
    def takes(self, group: Group) -> SafeString:
        return badges.badge(group.intake, "Drained" if group.drained_at else "")

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("<str:object_id>/drain/", view(self.drain_view), name="fleet_group_drain"),
            path("<str:object_id>/undrain/", view(self.undrain_view), name="fleet_group_undrain"),
            path("<str:object_id>/seats/", view(self.seats_view), name="fleet_group_seats"),
            *super().get_urls(),
        ]

    def drain_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._operate(request, object_id, drain=True)

    def undrain_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._operate(request, object_id, drain=False)

    def _operate(self, request: HttpRequest, object_id: str, *, drain: bool) -> HttpResponse:
        if refusal := only_post(request):
            return refusal
        if not self.has_operate_permission(request):
            raise PermissionDenied
        try:
            if drain:
                groups.drain(group_id=object_id, actor=actor(request), reason=reason(request))
                messages.success(request, f"{object_id} takes no new jobs; those aboard end.")
            else:
                groups.undrain(group_id=object_id, actor=actor(request), reason=reason(request))
                messages.success(request, f"{object_id} takes jobs again.")
        except NotFound as missing:
            messages.error(request, missing.detail)
        return HttpResponseRedirect(reverse("admin:index"))

    def seats_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        if refusal := only_post(request):
            return refusal
        if not self.has_operate_permission(request):
            raise PermissionDenied
        asked = {kind: str(text) for kind, text in request.POST.items() if kind not in _NO_SEATS}
        if not all(text.isdecimal() for text in asked.values()):
            messages.error(request, "Seats are whole numbers, 0 or more.")
        else:
            try:
                changed = {kind: int(text) for kind, text in asked.items()}
                now = seats.change(
                    group_id=object_id, seats=changed, actor=actor(request), reason=reason(request)
                )
                shown = ", ".join(f"{kind} {count}" for kind, count in now.items())
                messages.success(request, f"{object_id} has these seats now: {shown}.")
            except Problem as problem:
                messages.error(request, problem.detail)
        return HttpResponseRedirect(reverse("admin:fleet_group_change", args=[quote(object_id)]))

"""GPU groups: what serves the jobs. An operator drains one before its machine is touched, or shares seats out anew."""

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.contrib.admin.utils import quote
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString

from sightline.errors import InvalidInput
from sightline.fleet import groups, seats
from sightline.fleet.models import Group
from sightline_dashboard import badges
from sightline_dashboard.admin.pressed import pressed
from sightline_dashboard.admin.read_only import ReadOnlyAdmin, actor, reason

_NO_SEATS = ("csrfmiddlewaretoken", "reason")


@admin.register(Group)
class GroupAdmin(ReadOnlyAdmin):
    list_display = (
        "id",
        "engine",
        "takes",
        "tag",
        "shared_out",
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

    @admin.display(description="Seats")
    def shared_out(self, group: Group) -> str:
        return ", ".join(f"{kind} {count}" for kind, count in group.seats.items()) or "–"

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

    def _operate(self, request: HttpRequest, group_id: str, *, drain: bool) -> HttpResponse:
        def act() -> str:
            if drain:
                groups.drain(group_id=group_id, actor=actor(request), reason=reason(request))
                return f"{group_id} takes no new jobs; those aboard end."
            groups.undrain(group_id=group_id, actor=actor(request), reason=reason(request))
            return f"{group_id} takes jobs again."

        return pressed(request, act, may=self.has_operate_permission(request), back=reverse("admin:index"))

    def seats_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        def act() -> str:
            now = seats.change(
                group_id=object_id,
                seats=_asked(request.POST.items()),
                actor=actor(request),
                reason=reason(request),
            )
            return f"{object_id} has these seats now: {', '.join(f'{kind} {n}' for kind, n in now.items())}."

        back = reverse("admin:fleet_group_change", args=[quote(object_id)])
        return pressed(request, act, may=self.has_operate_permission(request), back=back)


def _asked(form: Iterable[tuple[str, Any]]) -> dict[str, int]:
    """Seats by kind, as the form says them."""
    asked = {kind: str(text) for kind, text in form if kind not in _NO_SEATS}
    if not all(text.isdecimal() for text in asked.values()):
        raise InvalidInput("Seats are whole numbers, 0 or more.")
    return {kind: int(text) for kind, text in asked.items()}

"""Queues that an operator has paused or resumed. A queue without a row is open."""

from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString

from sightline.fleet import queues
from sightline.fleet.models import Queue
from sightline_dashboard import badges
from sightline_dashboard.admin.pressed import pressed
from sightline_dashboard.admin.read_only import ReadOnlyAdmin, actor, reason


@admin.register(Queue)
class QueueAdmin(ReadOnlyAdmin):
    list_display = ("name", "state", "paused_at", "paused_by")
    search_fields = ("name",)
    ordering = ("name",)

    @admin.display(description="State", ordering="paused_at")
    def state(self, queue: Queue) -> SafeString:
        return badges.badge("closed", "Paused") if queue.paused_at else badges.badge("open")

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("<str:name>/pause/", view(self.pause_view), name="fleet_queue_pause"),
            path("<str:name>/resume/", view(self.resume_view), name="fleet_queue_resume"),
            *super().get_urls(),
        ]

    def pause_view(self, request: HttpRequest, name: str) -> HttpResponse:
        return self._operate(request, name, pause=True)

    def resume_view(self, request: HttpRequest, name: str) -> HttpResponse:
        return self._operate(request, name, pause=False)

    def _operate(self, request: HttpRequest, name: str, *, pause: bool) -> HttpResponse:
        def act() -> str:
            if name not in queues.names():
                raise Http404
            if pause:
                queues.pause(name=name, actor=actor(request), reason=reason(request))
                return f"{name} is paused: what runs ends, nothing new starts. Jobs are accepted."
            queues.resume(name=name, actor=actor(request), reason=reason(request))
            return f"{name} is open again."

        return pressed(request, act, may=self.has_operate_permission(request), back=reverse("admin:index"))

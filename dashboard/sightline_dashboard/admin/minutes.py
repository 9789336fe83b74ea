"""The minutes behind the charts, as JSON for the home page."""

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.urls import URLPattern, path

from sightline.fleet.models import Minute
from sightline_dashboard.admin.read_only import HistoryAdmin
from sightline_dashboard.home import charts
from sightline_dashboard.home.database_time import database_now


@admin.register(Minute)
class MinuteAdmin(HistoryAdmin):
    list_display = ("at", "subject")
    search_fields = ("subject",)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.charts_view)
        return [path("charts/<str:name>/", view, name="fleet_minute_charts"), *super().get_urls()]

    def charts_view(self, request: HttpRequest, name: str) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        if name not in charts.RANGES:
            raise Http404
        return JsonResponse(charts.charts(name=name, now=database_now()))

"""Our pages beside the admin's own."""

from django.urls import path
from django.views.generic import RedirectView

from sightline_dashboard.boards import live
from sightline_dashboard.flower_proxy import flower

app_name = "dashboard"
urlpatterns = [
    path("admin/live/<slug:name>/", live, name="live"),
    path("flower", RedirectView.as_view(url="/flower/", permanent=False)),
    path("flower/", flower, {"path": ""}, name="flower"),
    path("flower/<path:path>", flower),
]

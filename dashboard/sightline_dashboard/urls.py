"""Our pages beside the admin's own."""

from django.urls import path

from sightline_dashboard.boards import live

app_name = "dashboard"
urlpatterns = [
    path("admin/live/<slug:name>/", live, name="live"),
]

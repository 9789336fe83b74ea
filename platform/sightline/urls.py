"""Where everything lives on the one port."""

from django.apps import apps
from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("", include("sightline.api.urls")),
    # Before the admin, which answers whatever else lies below it.
    *([path("", include("sightline_dashboard.urls"))] if apps.is_installed("sightline_dashboard") else []),
    path("admin/", admin.site.urls),
]

# Below /admin/ these answer with pages, everywhere else with problem documents.
handler400 = "sightline.api.pages.bad_request"
handler403 = "sightline.api.pages.forbidden"
handler404 = "sightline.api.pages.not_found"
handler500 = "sightline.api.pages.server_error"

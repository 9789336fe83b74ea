"""Where everything lives on the one port."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("", include("sightline.api.urls")),
    path("admin/", admin.site.urls),
]

# Below /admin/ these answer with pages, everywhere else with problem documents.
handler400 = "sightline.api.pages.bad_request"
handler403 = "sightline.api.pages.forbidden"
handler404 = "sightline.api.pages.not_found"
handler500 = "sightline.api.pages.server_error"

"""Where everything lives on the one port."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("", include("sightline.api.urls")),
    path("admin/", admin.site.urls),
]

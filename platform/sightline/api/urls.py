"""Everything that programs talk to."""

from django.urls import include, path
from django.views.generic import RedirectView

from sightline.api import health, openapi

urlpatterns = [
    path("", RedirectView.as_view(url="/api/v1/docs"), name="root"),
    path("api/v1/", include("sightline.api.native.urls")),
    path("api/v1/openapi.json", openapi.SchemaView.as_view(), name="openapi"),
    path("api/v1/docs", openapi.DocsView.as_view(), name="docs"),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", health.metrics, name="metrics"),
]

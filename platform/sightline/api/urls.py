"""Everything that programs talk to."""

from django.urls import include, path
from django.views.generic import RedirectView

from sightline.api import docs, health, openapi

urlpatterns = [
    path("", RedirectView.as_view(url="/api/v1/docs"), name="root"),
    path("api/v1/", include("sightline.api.native.urls")),
    path("v1/", include("sightline.api.openai.urls")),
    path("api/v1/openapi.json", openapi.schema, name="openapi"),
    path("api/v1/docs", docs.page, name="docs"),
    path("api/v1/docs.js", docs.script, name="docs-script"),
    path("api/v1/docs.css", docs.style, name="docs-style"),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", health.metrics, name="metrics"),
]

"""The OpenAPI document and the page that shows it; both work without a network."""

from drf_spectacular.views import SpectacularJSONAPIView, SpectacularSwaggerSplitView


class SchemaView(SpectacularJSONAPIView):
    """`/api/v1/openapi.json`."""


class DocsView(SpectacularSwaggerSplitView):
    """`/api/v1/docs`."""

    url_name = "openapi"

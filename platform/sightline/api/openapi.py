"""The OpenAPI document, and the page that shows it; both work without a network."""

import json
from functools import cache
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.generators import SchemaGenerator

from sightline.api.native import schemas

_DIST = "drf_spectacular_sidecar/swagger-ui-dist"
_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:;"
    " connect-src 'self'; font-src 'self' data:; frame-ancestors 'none'"
)
_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Sightline API</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="{static}{dist}/favicon-32x32.png">
<link rel="stylesheet" href="{static}{dist}/swagger-ui.css"></head>
<body><div id="ui"></div>
<script src="{static}{dist}/swagger-ui-bundle.js"></script>
<script src="/api/v1/docs.js"></script></body></html>
"""
_SCRIPT = """SwaggerUIBundle({
  url: "/api/v1/openapi.json", dom_id: "#ui", deepLinking: true, persistAuthorization: true,
  displayRequestDuration: true, tryItOutEnabled: true, validatorUrl: null,
});
"""


class KeyScheme(OpenApiAuthenticationExtension):  # type: ignore[misc]
    """How a key is sent."""

    target_class = "sightline.api.authentication.ApiKeyAuthentication"
    name = "ApiKey"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {
            "type": "http",
            "scheme": "bearer",
            "description": "sl_…, made by `sightline keys create NAME`",
        }


@cache
def document() -> dict[str, Any]:
    """The document; made once a process."""
    found: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)
    return found


def complete(result: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
    """drf-spectacular's hook: what lies outside of DRF's views."""
    components = result.setdefault("components", {}).setdefault("schemas", {})
    if "JobAccepted" not in components:
        accepted = schemas.JobAccepted.model_json_schema(ref_template="#/components/schemas/{model}")
        for name, schema in accepted.pop("$defs", {}).items():
            components.setdefault(name, schema)
        components["JobAccepted"] = accepted
    result["paths"] |= {
        "/healthz": _operation("healthz", "The process answers", {"200": "It does."}),
        "/readyz": _operation(
            "readyz",
            "The database answers; broker and engines",
            {"200": "Ready.", "503": "The database is away."},
        ),
        "/metrics": _operation(
            "metrics",
            "Prometheus text, for SIGHTLINE_METRICS_TOKEN or a key with the scope admin",
            {"200": "The metrics.", "401": "not_authenticated", "403": "scope_missing", "503": "unavailable"},
        ),
    }
    return result


def schema(request: HttpRequest) -> HttpResponse:
    """`/api/v1/openapi.json`."""
    return HttpResponse(
        _document_bytes(),
        content_type="application/vnd.oai.openapi+json;version=3.1",
        headers={"Cache-Control": "no-cache", "Content-Security-Policy": "default-src 'none'"},
    )


def docs(request: HttpRequest) -> HttpResponse:
    """`/api/v1/docs`: Swagger UI, from our own static files."""
    # Plain names, not the manifest's: the page must come before anybody ran collectstatic, too.
    page = _PAGE.format(static=settings.STATIC_URL, dist=_DIST)
    return HttpResponse(page, headers={"Content-Security-Policy": _CSP})


def docs_script(request: HttpRequest) -> HttpResponse:
    """`/api/v1/docs.js`: starts Swagger UI; a file of its own, so that the page needs no inline script."""
    return HttpResponse(_SCRIPT, content_type="text/javascript; charset=utf-8")


@cache
def _document_bytes() -> bytes:
    return json.dumps(document(), ensure_ascii=False).encode()


def _operation(name: str, summary: str, answers: dict[str, str]) -> dict[str, Any]:
    responses = {status: {"description": text} for status, text in answers.items()}
    secured: dict[str, Any] = {"security": [{"ApiKey": []}]} if "401" in answers else {"security": []}
    return {
        "get": {
            "operationId": name,
            "summary": summary,
            "tags": ["operations"],
            "responses": responses,
            **secured,
        }
    }

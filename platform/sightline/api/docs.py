"""The page that shows the OpenAPI document: Swagger UI from our own static files. It works without a network."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse

_DIST = "drf_spectacular_sidecar/swagger-ui-dist"
_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:;"
    " connect-src 'self'; font-src 'self' data:; frame-ancestors 'none'"
)
_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Sightline API</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="{static}{dist}/favicon-32x32.png">
<link rel="stylesheet" href="{static}{dist}/swagger-ui.css">
<link rel="stylesheet" href="/api/v1/docs.css">
<script src="/api/v1/docs.js"></script></head>
<body><div id="ui"></div>
<script src="{static}{dist}/swagger-ui-bundle.js" defer></script></body></html>
"""
# Dark where the reader's system is, before anything is painted, and when it changes; the rest once all is loaded.
_SCRIPT = """const dark = matchMedia("(prefers-color-scheme: dark)");
const paint = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", paint);
paint();
addEventListener("DOMContentLoaded", () => SwaggerUIBundle({
  url: "/api/v1/openapi.json", dom_id: "#ui", deepLinking: true, persistAuthorization: true,
  displayRequestDuration: true, tryItOutEnabled: true, validatorUrl: null,
  docExpansion: "none", defaultModelsExpandDepth: 0, filter: true,
}));
"""
# Quieter than Swagger UI comes; and one label that it forgot in the dark.
_STYLE = """.swagger-ui .info { margin: 30px 0 10px; }
.swagger-ui .scheme-container, .dark-mode .swagger-ui .scheme-container {
  margin: 0; padding: 10px 0; background: none; box-shadow: none;
}
.swagger-ui .filter-container .operation-filter-input { margin: 10px 0; border-width: 1px; border-color: #8888; }
.dark-mode .swagger-ui .examples-select__section-label { color: #e4e6e6; }
"""


def page(request: HttpRequest) -> HttpResponse:
    """`/api/v1/docs`."""
    # Plain names, not the manifest's: the page must come before anybody ran collectstatic, too.
    text = _PAGE.format(static=settings.STATIC_URL, dist=_DIST)
    return HttpResponse(text, headers={"Content-Security-Policy": _CSP})


def script(request: HttpRequest) -> HttpResponse:
    """`/api/v1/docs.js`; a file of its own, so that the page needs no inline script."""
    return HttpResponse(_SCRIPT, content_type="text/javascript; charset=utf-8")


def style(request: HttpRequest) -> HttpResponse:
    """`/api/v1/docs.css`."""
    return HttpResponse(_STYLE, content_type="text/css; charset=utf-8")

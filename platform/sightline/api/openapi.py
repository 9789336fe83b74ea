"""The OpenAPI document."""

import json
from functools import cache
from typing import Any

from django.http import HttpRequest, HttpResponse
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.openapi import AutoSchema

from sightline.api.native import schemas


class Operation(AutoSchema):  # type: ignore[misc]
    """An operation as it is described beside its view: docstrings are for those who read the code."""

    def get_description(self) -> str:
        return ""


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

"""A refusal as RFC 9457 `application/problem+json`. Pure: the ASGI shell uses it before Django is asked."""

import json
import re
import secrets
from http import HTTPStatus
from typing import Any

from sightline.errors import Problem

CONTENT_TYPE = "application/problem+json"
MOST_ERRORS = 100
"""Field errors that one document lists."""

_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")
_LONGEST_POINTER = 300

TITLES = {
    "bad_request": "The request is malformed",
    "body_too_large": "The body is too large",
    "conflict": "The job's state does not allow this",
    "context_too_long": "The input is longer than the model's context",
    "deadline_unreachable": "The deadline cannot be met",
    "nothing_matches": "There is nothing to act on",
    "idempotency_in_progress": "The first request with this key is still being accepted",
    "idempotency_mismatch": "The idempotency key was used with another body",
    "internal_error": "Something went wrong here",
    "invalid_input": "The input is not valid",
    "invalid_json": "The body is not valid JSON",
    "kind_forbidden": "The key may not submit this kind",
    "media_too_large": "The media are too large",
    "model_forbidden": "The key may not submit to this model",
    "method_not_allowed": "The method is not allowed here",
    "not_authenticated": "An API key is required",
    "not_found": "Not found",
    "output_expired": "The job was erased",
    "poisoned_input": "The media are quarantined",
    "queue_full": "The queue is full",
    "quota_exceeded": "The quota is used up",
    "request_timeout": "The body took too long to arrive",
    "scope_missing": "The key lacks a scope",
    "too_many_images": "Too many images",
    "unavailable": "Temporarily unavailable",
    "unknown_field": "The request has an unknown field",
    "unsupported_media": "The media type is not supported",
}
"""Every code that the native API answers with, and its title."""


def trace_id(traceparent: str) -> str:
    """The trace that the client named (W3C Trace Context), or a new random one; 32 hex digits."""
    match = _TRACEPARENT.fullmatch(traceparent.strip().lower())
    return match[1] if match and match[1] != "0" * 32 else secrets.token_hex(16)


def document(problem: Problem, *, trace: str) -> dict[str, Any]:
    """The members of the problem document."""
    title = TITLES.get(problem.code) or HTTPStatus(problem.status).phrase
    return {
        "type": f"urn:sightline:problem:{problem.code}",
        "title": title,
        "status": problem.status,
        "detail": problem.detail,
        "code": problem.code,
        "retryable": problem.retryable,
        "errors": [
            {"pointer": error.pointer[:_LONGEST_POINTER], "detail": error.detail[:1000]}
            for error in problem.errors[:MOST_ERRORS]
        ],
        "trace_id": trace,
    }


def headers(problem: Problem) -> dict[str, str]:
    """Headers that the status asks for."""
    found = {"Cache-Control": "no-store"}
    if problem.status == 401:
        found["WWW-Authenticate"] = 'Bearer realm="sightline"'
    if problem.retry_after_s is not None or problem.status in (429, 503):
        found["Retry-After"] = str(max(1, round(problem.retry_after_s or 1)))
    return found


def body(problem: Problem, *, trace: str) -> bytes:
    """The document as it goes over the wire."""
    # "replace": a client's lone surrogate may stand in a pointer.
    return json.dumps(document(problem, trace=trace), ensure_ascii=False).encode("utf-8", "replace")

"""What an engine's failure means: the one place where it is decided whether a call may be tried again.

Shapes and texts are vLLM 0.32's (`vllm/entrypoints/serve/exception_handling`): every error is
`{"error": {"message", "type", "param", "code"}}`, as a response body or as an event of a stream that has
already begun with 200 (a refused admission and a dead EngineCore arrive that way).
"""

import email.utils
import json
import time
from collections.abc import Mapping
from typing import Any

from .contract import EngineError, Failure

# Texts of the 400s that mean "longer than the model's context", lower case.
_CONTEXT_TEXTS = (
    "maximum context length",
    "longer than the maximum model length",
    "cannot be greater than max_model_len",
)


def from_response(status: int, body: bytes, retry_after: str | None) -> EngineError:
    """The error for a response that is no 200. `retry_after` is the header as it came."""
    try:
        document = json.loads(body)
    except ValueError:  # a proxy in between answers with text or HTML
        document = None
    error = document.get("error") if isinstance(document, dict) else None
    if not isinstance(error, dict):
        error = {"message": body[:500].decode(errors="replace").strip() or f"HTTP {status}"}
    return from_error_object(error, status=status, retry_after_s=parse_retry_after(retry_after))


def from_error_object(
    error: Mapping[str, Any], *, status: int, retry_after_s: float | None = None
) -> EngineError:
    """The error for vLLM's error object; `status` is the HTTP status or, in a stream, the object's `code`."""
    message = str(error.get("message") or f"the engine answered {status}")
    code, failure = _classify(status, message, error.get("param"))
    return EngineError(message, code=code, failure=failure, status=status, retry_after_s=retry_after_s)


def _classify(status: int, message: str, param: object) -> tuple[str, Failure]:
    text = message.lower()
    if status in (429, 503):
        return "engine_busy", Failure.TRANSIENT
    if status in (401, 403):
        # A wrong engine key is the operator's mistake: no job may fail for good because of it.
        return "engine_unavailable", Failure.TRANSIENT
    if status in (408, 504):
        return "engine_timeout", Failure.TRANSIENT
    if status >= 500:
        if "enginecore" in text or "enginedead" in text:
            return "engine_crashed", Failure.CRASH
        return "engine_error", Failure.TRANSIENT
    if status == 404:
        return "model_unknown", Failure.PERMANENT
    if param == "input_tokens" or any(marker in text for marker in _CONTEXT_TEXTS):
        return "context_too_long", Failure.PERMANENT
    if text.startswith("cache miss for"):
        return "image_not_cached", Failure.TRANSIENT
    if text.startswith("at most") and "may be provided" in text:
        return "too_many_images", Failure.PERMANENT
    return "engine_rejected", Failure.PERMANENT


def unreachable(error: OSError) -> EngineError:
    """No connection came about, so the engine did no work."""
    return EngineError(
        f"The engine cannot be reached: {error}", code="engine_unavailable", failure=Failure.TRANSIENT
    )


def broken_off(error: Exception, *, answered: bool) -> EngineError:
    """The connection ended early. Once the engine had begun to answer, its death is the likely cause."""
    if answered:
        return EngineError(
            f"The engine broke off its answer: {error}", code="engine_crashed", failure=Failure.CRASH
        )
    return EngineError(
        f"The engine closed the connection before it answered: {error}",
        code="engine_reset",
        failure=Failure.TRANSIENT,
    )


def timed_out(timeout_s: float) -> EngineError:
    return EngineError(
        f"No whole answer within {timeout_s:g} s.", code="engine_timeout", failure=Failure.TRANSIENT
    )


def unexpected(what: str) -> EngineError:
    return EngineError(
        f"The engine's answer is not what vLLM sends: {what}",
        code="engine_protocol",
        failure=Failure.TRANSIENT,
    )


def parse_retry_after(value: str | None) -> float | None:
    """Seconds from a Retry-After header, which is a number or an HTTP date (RFC 9110, 10.2.3)."""
    if value is None:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:
        return None

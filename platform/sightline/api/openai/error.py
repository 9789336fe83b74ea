"""A refusal in OpenAI's form. Pure: the ASGI shell uses it before Django is asked."""

import json
import re
from typing import Any

from sightline.errors import Problem

PREFIX = "/v1/"
"""The paths that answer in this form."""

_OWN = frozenset({"deadline_ms", "max_attempts", "tags", "cache", "session"})
"""Fields of a job that requests here have under `sightline`."""
_TYPES = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}


def status(problem: Problem) -> int:
    """Its HTTP status here: OpenAI says 400 to what the native API says 422 to."""
    return 400 if problem.status == 422 else problem.status


def document(problem: Problem) -> dict[str, Any]:
    """`{"error": {message, type, param, code}}`; the code is the native API's."""
    param = next((name for error in problem.errors if (name := _param(error.pointer))), None)
    message = problem.detail
    if problem.errors:
        told = [(_param(error.pointer), error.detail) for error in problem.errors[:5]]
        message = " ".join(f"{name}: {detail}" if name else detail for name, detail in told)
    kind = _TYPES.get(problem.status)
    if kind is None:
        kind = "server_error" if problem.status >= 500 else "invalid_request_error"
    return {"error": {"message": message, "type": kind, "param": param, "code": problem.code}}


def body(problem: Problem) -> bytes:
    """The document as it goes over the wire."""
    return json.dumps(document(problem), ensure_ascii=False).encode("utf-8", "replace")


def _param(pointer: str) -> str | None:
    """OpenAI's spelling of a field of ours: `/input/messages/0/content` is `messages[0].content`."""
    path = re.sub(r"^/(input(?=/messages)|params(?=/))", "", pointer).removeprefix("/").removeprefix("?")
    if path == "pixels" or path.startswith("pixels/"):
        edge = {"min": "shortest_edge", "max": "longest_edge"}.get(path.rpartition("/")[2], "")
        return "mm_processor_kwargs.size" + (f".{edge}" if edge else "")
    if path.startswith("session/"):
        return f"sightline.session_{path.removeprefix('session/')}"
    if path in _OWN:
        return f"sightline.{path}"
    steps = [f"[{step}]" if step.isdigit() else f".{step}" for step in path.split("/") if step]
    return "".join(steps).removeprefix(".") or None

"""Requests and answers as httpx has them."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx

from sightline.client.errors import ClientError
from sightline.client.wire import Answer, Request

_WRITE_S = 60.0


def options(*, url: str, key: str, timeout_s: float) -> dict[str, Any]:
    """What both clients are made with. Raises ClientError for what is no address or no key."""
    if not url.startswith(("http://", "https://")):
        raise ClientError(f"{url!r} is no address; one begins with http:// or https://.")
    if not key.isascii() or not key.isprintable():
        raise ClientError("The key holds characters that no key has.")
    return {
        "base_url": url,
        "headers": {"Authorization": f"Bearer {key}", "User-Agent": "sightline-client"},
        "timeout": httpx.Timeout(timeout_s),
        "limits": httpx.Limits(max_connections=None, max_keepalive_connections=32),
    }


def arguments(request: Request, timeout: httpx.Timeout, files: ExitStack) -> dict[str, Any]:
    """A request as keyword arguments; a file that is sent is open until `files` closes."""
    found: dict[str, Any] = {
        "method": request.method,
        "url": request.path,
        "params": dict(request.query) or None,
        "headers": dict(request.headers),
        "timeout": httpx.Timeout(timeout.connect, write=_WRITE_S, read=request.read_s),
    }
    if request.json is not None:
        found["json"] = request.json
    if request.file is not None:
        field, name, content = request.file
        body = files.enter_context(content.open("rb")) if isinstance(content, Path) else content
        found |= {"files": {field: (name, body)}, "data": dict(request.form)}
    return found


def answer(response: httpx.Response, *, read: bool = True) -> Answer:
    return Answer(
        status=response.status_code,
        headers={name.lower(): value for name, value in response.headers.items()},
        body=response.content if read else b"",
        url=str(response.request.url),
    )

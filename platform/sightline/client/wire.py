"""What the operations ask of whoever speaks HTTP for them, and what they get back.

An operation is a generator: it yields effects and is sent their results, so that one text of each serves the
synchronous and the asynchronous client. An effect that fails is thrown into it.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")

Json = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Request:
    """One HTTP request."""

    method: str
    path: str
    """From the server's root."""
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    json: Any = None
    """Body, as JSON; None: none."""
    form: Mapping[str, str] = field(default_factory=dict)
    """Fields of a multipart form beside `file`."""
    file: tuple[str, str, bytes | Path] | None = None
    """(field, file name, content) of a multipart form; a path is read while it is sent."""
    read_s: float = 15.0
    """Longest silence of the server."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """Status, headers and body; of a stream that was opened the body is not read yet."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes
    url: str

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    def json(self) -> Any:
        """None where it is no JSON."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None


@dataclass(frozen=True, kw_only=True)
class Send:
    """Send a request, receive its `Answer`."""

    request: Request


@dataclass(frozen=True, kw_only=True)
class Open:
    """Send a request and leave a successful answer's body to be read; receive the `Answer`."""

    request: Request


@dataclass(frozen=True, kw_only=True)
class Read:
    """Receive more bytes of the open answer; none at its end."""


@dataclass(frozen=True, kw_only=True)
class Close:
    """Read no more of the open answer."""


@dataclass(frozen=True, kw_only=True)
class Pause:
    """Wait."""

    seconds: float


@dataclass(frozen=True, kw_only=True)
class Load:
    """Receive a file's bytes."""

    path: Path


@dataclass(frozen=True, kw_only=True)
class Emit:
    """Hand a value to whoever iterates."""

    value: Any


Effect = Send | Open | Read | Close | Pause | Load | Emit
Flow = Generator[Effect, Any, T]


def seconds_to_wait(answer: Answer) -> float | None:
    """`Retry-After` in seconds, from a number or an HTTP date (RFC 9110); None without it."""
    text = answer.headers.get("retry-after")
    if text is None:
        return None
    try:
        return max(float(text), 0.0)
    except ValueError:
        pass
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max((moment.replace(tzinfo=moment.tzinfo or UTC) - datetime.now(UTC)).total_seconds(), 0.0)

"""One request to a receiver whom a user named: pinned to a checked address, bounded in time and in bytes."""

import time
from collections.abc import Mapping
from dataclasses import dataclass

import httpcore

from sightline.errors import Problem
from sightline.net.addresses import AddressPolicy
from sightline.net.pinned import Deadline, connections
from sightline.net.urls import check_url

TIMEOUT_S = 15.0
_EXCERPT_BYTES = 1000


@dataclass(frozen=True, kw_only=True)
class Response:
    """What became of one request."""

    duration_ms: float
    status: int | None = None
    """HTTP status; None when none came."""
    error: str = ""
    """Why it counts as failed, a sentence; empty when it was delivered."""
    excerpt: str = ""
    """The beginning of a refusal's body."""

    @property
    def delivered(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


def post(
    *, url: str, body: str, headers: Mapping[str, str], policy: AddressPolicy, timeout_s: float = TIMEOUT_S
) -> Response:
    """POST the body. No redirect is followed; the body of a 2xx is not read, that of others only begun."""
    began = time.monotonic()
    status: int | None = None
    excerpt = ""
    try:
        target = check_url(url)
        all_headers: list[tuple[str, str]] = [
            ("Host", target.netloc.decode("ascii")),
            ("Content-Type", "application/json"),
            ("Content-Length", str(len(body.encode()))),
            ("User-Agent", "sightline-webhooks"),
            ("Accept-Encoding", "identity"),
            *headers.items(),
        ]
        deadline = Deadline(timeout_s)
        timeouts = dict.fromkeys(("connect", "read", "write", "pool"), timeout_s)
        address = httpcore.URL(
            scheme=target.raw_scheme, host=target.raw_host, port=target.port, target=target.raw_path
        )
        with (
            connections(policy=policy, deadline=deadline) as pool,
            pool.stream(
                "POST",
                address,
                headers=[(name.encode("ascii"), value.encode("ascii")) for name, value in all_headers],
                content=body.encode(),
                extensions={"timeout": timeouts},
            ) as response,
        ):
            status = response.status
            error = "" if 200 <= status < 300 else f"{target.host} answered {status}."
            if error:
                for chunk in response.iter_stream():
                    excerpt = (excerpt + chunk.decode("utf-8", "replace"))[:_EXCERPT_BYTES]
                    if len(excerpt) == _EXCERPT_BYTES:
                        break
    except Problem as problem:
        error = problem.detail
    except httpcore.TimeoutException:
        error = f"There was no answer within {timeout_s:.0f} s." if status is None else f"Answered {status}."
    except (httpcore.NetworkError, httpcore.ProtocolError) as failure:
        error = f"The connection failed: {failure}" if status is None else f"Answered {status}."
    duration_ms = round((time.monotonic() - began) * 1000, 2)
    return Response(duration_ms=duration_ms, status=status, error=error, excerpt=excerpt)

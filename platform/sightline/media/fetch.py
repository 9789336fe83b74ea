"""Fetching an image from an address that a user gave, without becoming that user's way into the network."""

from collections.abc import Iterator

import httpcore
import httpx

from sightline.errors import Problem
from sightline.media.refusal import MediaRefused, MediaTooLarge
from sightline.net.addresses import STRICT, AddressPolicy
from sightline.net.pinned import Deadline, connections

MAX_REDIRECTS = 3
TIMEOUT_S = 20.0
_STEP_TIMEOUT_S = 10.0
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_BUSY = frozenset({408, 425, 429, 500, 502, 503, 504})


class FetchFailed(MediaRefused):
    """The address did not give an image (422); `retryable` when it may do so later."""


def fetch(
    url: str,
    *,
    max_bytes: int,
    policy: AddressPolicy = STRICT,
    timeout_s: float = TIMEOUT_S,
    deadline: Deadline | None = None,
) -> bytes:
    """The bytes behind an http or https address, at most `max_bytes`, within `timeout_s` or by the deadline.

    Each hop of at most three redirects is resolved, checked and pinned anew. Proxies from the environment
    are not used: they would connect to what was not checked. No cookie or credential is sent. What the bytes
    are is for the guard to say. Raises FetchFailed, MediaTooLarge, AddressRefused, Unresolvable (all 4xx).
    """
    deadline = deadline or Deadline(timeout_s)
    for _ in range(MAX_REDIRECTS + 1):
        target = _parse(url)
        try:
            redirect, data = _get(target, max_bytes, policy, deadline)
        except httpcore.TimeoutException as error:
            raise FetchFailed(f"{target.host} did not answer in time.", retryable=True) from error
        except (httpcore.NetworkError, httpcore.ProtocolError) as error:
            raise FetchFailed(f"The connection to {target.host} failed.", retryable=True) from error
        if redirect is None:
            return data
        url = _join(target, redirect)
    raise FetchFailed(f"The address redirects more than {MAX_REDIRECTS} times.")


def _parse(url: str) -> httpx.URL:
    try:
        target = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise FetchFailed("The address is not valid.") from error
    if target.scheme not in ("http", "https") or not target.host:
        raise FetchFailed("The address must begin with http:// or https://.")
    if target.userinfo:
        raise FetchFailed("The address must not hold a user name or password.")
    return target


def _join(base: httpx.URL, location: str) -> str:
    try:
        return str(base.join(location))
    except httpx.InvalidURL as error:
        raise FetchFailed("The address redirects to one that is not valid.") from error


def _get(
    target: httpx.URL, max_bytes: int, policy: AddressPolicy, deadline: Deadline
) -> tuple[str | None, bytes]:
    """One request: the address that it redirects to, or the body."""
    headers: dict[bytes | str, bytes | str] = {
        "Host": target.netloc.decode("ascii"),
        "Accept": "image/*",
        "Accept-Encoding": "identity",  # a compressed body could expand beyond any limit
        "User-Agent": "sightline",
    }
    timeouts = dict.fromkeys(("connect", "read", "write", "pool"), _STEP_TIMEOUT_S)
    url = httpcore.URL(
        scheme=target.raw_scheme, host=target.raw_host, port=target.port, target=target.raw_path
    )
    with (
        connections(policy=policy, deadline=deadline) as pool,
        pool.stream("GET", url, headers=headers, extensions={"timeout": timeouts}) as response,
    ):
        answer = {name.lower().decode("latin-1"): value.decode("latin-1") for name, value in response.headers}
        if response.status in _REDIRECTS and "location" in answer:
            return answer["location"], b""
        if response.status != 200:
            busy = response.status in _BUSY
            raise FetchFailed(f"{target.host} answered {response.status}.", retryable=busy)
        if answer.get("content-encoding", "identity").lower() != "identity":
            raise FetchFailed(f"{target.host} sent compressed data though it was not asked for.")
        return None, _collect(response.iter_stream(), answer.get("content-length", ""), max_bytes)


def _collect(chunks: Iterator[bytes], announced: str, max_bytes: int) -> bytes:
    refusal: Problem = MediaTooLarge(f"The image at the address has more than {max_bytes} bytes.")
    if announced.isdecimal() and int(announced) > max_bytes:
        raise refusal
    body = bytearray()
    for chunk in chunks:
        body += chunk
        if len(body) > max_bytes:
            raise refusal
    return bytes(body)

"""The switches and the log of a simulated engine that a group runs."""

from typing import Any

import httpx

HELD_S = 20.0
"""Much longer than a test needs to do what it does meanwhile; the canary still sees tokens."""


class Twin:
    """One simulated engine behind its base URL."""

    def __init__(self, url: str) -> None:
        self.url = url

    def faults(self, **switches: Any) -> None:
        """Set switches; `crash=True` gets no answer."""
        try:
            httpx.post(f"{self.url}/twin/faults", json=switches, timeout=10.0)
        except httpx.HTTPError:
            if not switches.get("crash"):
                raise

    def hold(self) -> None:
        """Let requests take long, those aboard as well; `heal` ends them at once."""
        self.faults(delay_s=HELD_S)

    def heal(self) -> None:
        """Switch every fault off. An engine that is down has none."""
        try:
            httpx.delete(f"{self.url}/twin/faults", timeout=10.0)
        except httpx.TransportError:
            return

    def stats(self) -> dict[str, Any]:
        found: dict[str, Any] = httpx.get(f"{self.url}/twin/stats", timeout=10.0).json()
        return found

    def aboard(self) -> int:
        """Requests that it works on now, the canary's not among them."""
        return sum(bool(entry["scheduled"]) and not entry["outcome"] for entry in self.requests())

    def requests(self) -> list[dict[str, Any]]:
        """The log of this life; empty while it is down."""
        try:
            found: list[dict[str, Any]] = httpx.get(f"{self.url}/twin/requests", timeout=10.0).json()
        except httpx.TransportError:
            return []
        return [entry for entry in found if not entry["request_id"].startswith("canary")]

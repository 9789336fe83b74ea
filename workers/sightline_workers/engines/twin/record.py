"""What really happened in a simulated engine: counters, and a log of its latest requests."""

import time
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_LOGGED_REQUESTS = 20_000


def now() -> dict[str, float]:
    """This moment on both clocks, in seconds."""
    return {"monotonic": time.monotonic(), "wall": time.time()}


@dataclass(kw_only=True)
class Entry:
    """One request's life. Moments are {"monotonic", "wall"} in seconds, None while they have not come."""

    number: int
    request_id: str
    priority: int
    prompt_tokens: int
    images: int
    # Of the request as it came.
    body_bytes: int
    arrived: dict[str, float] = field(default_factory=now)
    # When it took a seat.
    scheduled: dict[str, float] | None = None
    finished: dict[str, float] | None = None
    # "stop", "length", "tool_calls", "abort" (the client went away), "error"; "" while it is aboard.
    outcome: str = ""
    output_tokens: int = 0

    def as_json(self) -> dict[str, Any]:
        """For `/twin/requests`."""
        return dict(vars(self))


class Record:
    """Counters since the start or the last reset."""

    def __init__(self) -> None:
        self._next = 1
        self.entries: deque[Entry] = deque(maxlen=_LOGGED_REQUESTS)
        self.outcomes: Counter[str] = Counter()
        self.max_running = 0
        self.refused: Counter[int] = Counter()
        self.prompt_tokens = 0
        self.generated_tokens = 0
        self.iterations = 0

    def arrived(
        self, *, request_id: str, priority: int, prompt_tokens: int, images: int, body_bytes: int
    ) -> Entry:
        """A request that passed its checks."""
        entry = Entry(
            number=self._next,
            request_id=request_id,
            priority=priority,
            prompt_tokens=prompt_tokens,
            images=images,
            body_bytes=body_bytes,
        )
        self._next += 1
        self.entries.append(entry)
        return entry

    def scheduled(self, entry: Entry, running: int) -> None:
        """It took a seat; `running` counts it."""
        entry.scheduled = now()
        self.prompt_tokens += entry.prompt_tokens
        self.max_running = max(self.max_running, running)

    def finished(self, entry: Entry, outcome: str) -> None:
        """It left, for good or bad."""
        entry.finished = now()
        entry.outcome = outcome
        self.outcomes[outcome] += 1

    def since(self, number: int) -> list[dict[str, Any]]:
        """Entries with a greater number, oldest first."""
        return [entry.as_json() for entry in self.entries if entry.number > number]

    def as_json(self, gauges: Mapping[str, int | float]) -> dict[str, Any]:
        """For `/twin/stats`: `gauges` are the scheduler's present counts."""
        return {
            **gauges,
            "requests": self._next - 1,
            "max_running": self.max_running,
            "aborted": self.outcomes["abort"],
            "outcomes": dict(self.outcomes),
            "refused": {str(status): count for status, count in self.refused.items()},
            "prompt_tokens": self.prompt_tokens,
            "generated_tokens": self.generated_tokens,
            "order": [
                {"number": entry.number, "request_id": entry.request_id, "priority": entry.priority}
                for entry in sorted(
                    (entry for entry in self.entries if entry.scheduled is not None),
                    key=lambda entry: entry.scheduled["monotonic"] if entry.scheduled else 0.0,
                )
            ],
        }

"""Reading server-sent events as a browser would: by id, event and data."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx


@dataclass(frozen=True, kw_only=True)
class Event:
    """One event that arrived."""

    id: int
    type: str
    data: dict[str, Any]


class Reader:
    """The events of one connection, in order."""

    def __init__(self, answer: httpx.Response) -> None:
        self.answer = answer
        self.comments = 0
        self._lines = answer.iter_lines()

    def __iter__(self) -> Iterator[Event]:
        found: dict[str, str] = {}
        for line in self._lines:
            if line.startswith(":"):
                self.comments += 1
            elif line:
                name, _, value = line.partition(": ")
                found[name] = value
            elif "event" in found:
                yield Event(id=int(found["id"]), type=found["event"], data=json.loads(found["data"]))
                found = {}
            else:
                found = {}

    def until(self, type: str, count: int = 1) -> list[Event]:
        """The next events up to the count-th one of a type."""
        seen: list[Event] = []
        for event in self:
            seen.append(event)
            if sum(one.type == type for one in seen) == count:
                return seen
        raise AssertionError(f"the stream ended without {count} × {type}: {[one.type for one in seen]}")


@contextmanager
def reading(http: httpx.Client, public_id: str, *, after: int | None = None) -> Iterator[Reader]:
    """The event stream of a job or batch, from an event on."""
    headers = {} if after is None else {"Last-Event-ID": str(after)}
    sort = "batches" if public_id.startswith("batch_") else "jobs"
    with http.stream("GET", f"/api/v1/{sort}/{public_id}/events", headers=headers) as answer:
        assert answer.status_code == 200, answer.read()
        yield Reader(answer)

"""What clients did and saw, appended as it happens: the only witness that the invariants are checked with."""

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Entry = dict[str, Any]


class History:
    """An append-only JSONL file, shared by the client threads.

    Every entry has `at` (monotonic seconds) and `op`:

    | op        | fields                                 | when                                                |
    |-----------|----------------------------------------|-----------------------------------------------------|
    | submit    | tenant, ref, kind                      | before a request with the Idempotency-Key `ref`     |
    | accepted  | tenant, ref, job                       | the platform promised to run it                     |
    | refused   | tenant, ref, status, code              | an answer that is no acceptance                     |
    | unanswered| tenant, ref, error                     | no answer: the request may have been accepted       |
    | read      | tenant, job, status, output            | a look at an own job; `output` is a digest, or null |
    | cancel    | tenant, job, status                    | the HTTP status of a cancellation                   |
    | trespass  | tenant, job, status                    | the HTTP status of a look at another tenant's job   |
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._entries: list[Entry] = []

    def add(self, op: str, **fields: Any) -> None:
        entry = {"at": time.monotonic(), "op": op, **fields}
        with self._lock:
            self._entries.append(entry)
            with self.path.open("a") as file:
                file.write(json.dumps(entry) + "\n")

    def all(self, op: str | None = None) -> Iterator[Entry]:
        with self._lock:
            entries = list(self._entries)
        return (entry for entry in entries if op is None or entry["op"] == op)

    def accepted(self) -> dict[str, Entry]:
        """The acceptance of every accepted job, by public id."""
        found: dict[str, Entry] = {}
        for entry in self.all("accepted"):
            found.setdefault(entry["job"], entry)
        return found

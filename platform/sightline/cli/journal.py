"""What a run over many images has done so far, so that it can be stopped at any point and taken up again.

A file of JSON lines that only grows. Its first line names the run; every job's idempotency key follows from that and
from the image, so a request whose answer was never written down is the same request when it is sent again.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

_VERSION = 1


class Held(Exception):
    """Another process goes on with the same run."""


@dataclass
class Item:
    """One image, or the images of one job."""

    job: str | None = None
    status: str | None = None
    """How it ended, once its result is saved."""
    generation: int = 0
    """Grows when the job is to be made anew."""


class Journal:
    """Enter it to hold it: one process at a time writes it. Raises Held when another does."""

    def __init__(self, path: Path, *, anew: bool = False) -> None:
        self.path = path
        self._anew = anew
        self.resumed = False
        """There was something in it."""
        self._items: dict[str, Item] = {}
        self._run = ""
        self._file: TextIO | None = None

    def __enter__(self) -> Journal:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self._hold()
        if self._anew:
            self._file.truncate(0)
        self._read()
        if not self._run:
            self._run = uuid.uuid4().hex
            self._write({"version": _VERSION, "run": self._run})
            os.fsync(self._file.fileno())  # the keys hang on it
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def _hold(self) -> TextIO:
        """The file, locked for as long as it is open."""
        while True:
            file = self.path.open("a+", encoding="utf-8", buffering=1)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.close()
                raise Held from None
            if self.path.exists() and os.path.samestat(os.fstat(file.fileno()), self.path.stat()):
                return file
            file.close()  # its holder has just finished and removed it

    def item(self, name: str) -> Item:
        return self._items.setdefault(name, Item())

    def key(self, name: str) -> str:
        """The idempotency key of the item's job."""
        digest = hashlib.sha256(f"{name}\n{self.item(name).generation}".encode()).hexdigest()
        return f"{self._run}-{digest[:32]}"

    def submitted(self, name: str, job: str) -> None:
        self.item(name).job = job
        self._write({"item": name, "job": job})

    def ended(self, name: str, status: str) -> None:
        """Its result is saved."""
        self.item(name).status = status
        self._write({"item": name, "status": status})

    def again(self, name: str) -> None:
        """The job is no more, or shall not count: make a new one."""
        generation = self.item(name).generation + 1
        self._items[name] = Item(generation=generation)
        self._write({"item": name, "generation": generation})

    def reopen(self, name: str) -> None:
        """The same job runs once more."""
        self.item(name).status = None
        self._write({"item": name, "status": None})

    def unended(self) -> Iterator[tuple[str, str]]:
        """(item, job) of the jobs whose end was not seen."""
        for name, item in list(self._items.items()):
            if item.job is not None and item.status is None:
                yield name, item.job

    def remove(self) -> None:
        """Everything is done and nothing is to be remembered."""
        self.path.unlink(missing_ok=True)

    def _read(self) -> None:
        data = self.path.read_bytes()
        whole = data[: data.rfind(b"\n") + 1]
        if len(whole) < len(data):  # the last line was cut off by a crash; nothing was built on it
            os.truncate(self.path, len(whole))
        for line in whole.splitlines():
            self._apply(json.loads(line))
        self.resumed = bool(self._items)

    def _apply(self, entry: Mapping[str, Any]) -> None:
        if "run" in entry:
            self._run = entry["run"]
        elif "generation" in entry:
            self._items[entry["item"]] = Item(generation=entry["generation"])
        elif "job" in entry:
            self.item(entry["item"]).job = entry["job"]
        else:
            self.item(entry["item"]).status = entry["status"]

    def _write(self, entry: Mapping[str, Any]) -> None:
        if self._file is None:
            raise RuntimeError("enter the journal before you write it")
        self._file.write(json.dumps(entry, ensure_ascii=False) + "\n")


def journal_path(output: Path | None, request: Mapping[str, Any], names: Sequence[str]) -> Path:
    """Where a run is written down: in its output folder, else in $XDG_STATE_HOME.

    Two runs with different requests have different journals. In an output folder the images are no part of the name,
    so images that are added later join the run.
    """
    facts: dict[str, Any] = dict(request)
    if output is None:
        facts |= {"folder": str(Path.cwd()), "names": list(names)}
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()[:12]
    if output is not None:
        return output / f".sightline-{digest}.jsonl"
    state = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(state) / "sightline" / f"submit-{digest}.jsonl"

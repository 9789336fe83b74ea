"""The note a supervisor keeps of each child, so that the next one can end what a killed one left behind."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from sightline.processes import table


@dataclass(frozen=True, kw_only=True)
class Record:
    """A started child."""

    name: str
    pid: int
    """Also its process group and session."""
    start: int
    """Clock ticks from the machine's start to the child's."""
    boot: str
    """The kernel's boot id: pids and ticks mean nothing after a restart of the machine."""
    mark: str
    """The environment variable that it and all that it starts carry."""

    @property
    def stale(self) -> bool:
        return self.boot != table.boot_id()


def path(folder: Path, name: str) -> Path:
    return folder / f"{name}.json"


def write(folder: Path, record: Record) -> None:
    """Whole or not at all: a supervisor may be killed at any moment."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = folder / f".{record.name}.{os.getpid()}"
    draft.write_text(json.dumps(asdict(record)))
    draft.replace(path(folder, record.name))


def read(file: Path) -> Record | None:
    """None when the file holds no record (a full disk may have cut it)."""
    try:
        return Record(**json.loads(file.read_text()))
    except (FileNotFoundError, ValueError, TypeError):
        return None


def remove(folder: Path, name: str) -> None:
    path(folder, name).unlink(missing_ok=True)

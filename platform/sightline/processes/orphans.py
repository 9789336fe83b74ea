"""End what a supervisor that was killed could not end itself."""

import logging
import signal
import time
from pathlib import Path

from sightline.processes import family, record, table

log = logging.getLogger(__name__)

GRACE_S = 5.0
KILL_S = 10.0


def end_orphans(folder: Path, *, grace_s: float = GRACE_S) -> list[str]:
    """End every process that a record in `folder` still finds; the names of those found.

    Pid, start time and boot must match. They get SIGTERM together, `grace_s` seconds together, then SIGKILL.
    Only for a folder whose supervisor is known to be gone.
    """
    found: dict[str, tuple[record.Record, list[table.Process]]] = {}
    for file in sorted(folder.glob("*.json")):
        note = record.read(file)
        living = [] if note is None or note.stale else _members(note)
        if note is None or not living:
            file.unlink(missing_ok=True)
            continue
        found[note.name] = note, living
        for process in living:
            table.send(process, signal.SIGTERM)
    until = time.monotonic() + grace_s
    while any(_members(note) for note, _ in found.values()) and time.monotonic() < until:
        time.sleep(family.POLL_S)
    for name, (note, living) in found.items():
        left = family.kill_all(
            leader=note.pid, start=note.start, mark=note.mark, also=living, within_s=KILL_S
        )
        if left:
            log.error("event=unkillable child=%s pids=%s", name, [process.pid for process in left])
            continue
        record.remove(folder, name)
        log.warning("event=orphan_ended child=%s pid=%s", name, note.pid)
    return list(found)


def _members(note: record.Record) -> list[table.Process]:
    return family.members(leader=note.pid, start=note.start, mark=note.mark)

"""After a SIGKILL of the supervisor the next start ends what it left, and nothing else."""

import json
import signal
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

from sightline.processes import record, table
from sightline.processes.orphans import end_orphans

# The child ignores what the kernel sends it when its parent dies, so that only `end_orphans` can end it.
SUPERVISOR = """
import sys
from pathlib import Path
from sightline.processes.child import Child
lines = []
child = Child(name="stubborn", argv=["bash", "-c", sys.argv[2]], folder=Path(sys.argv[1]), on_line=print)
child.start()
sys.stdin.read()
"""


def left_behind(script: str, folder: Path) -> tuple[record.Record, list[table.Process]]:
    """Start `script` under a supervisor, SIGKILL the supervisor; the child's record and what still lives."""
    argv = [sys.executable, "-u", "-c", SUPERVISOR, str(folder), script]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as supervisor:
        assert supervisor.stdout is not None
        assert supervisor.stdout.readline() == "up\n"
        supervisor.kill()
    note = record.read(folder / "stubborn.json")
    assert note is not None
    session = [process for process in table.everything() if process.session == note.pid]
    return note, session


def test_the_orphans_of_a_killed_supervisor_are_ended(tmp_path: Path) -> None:
    _, members = left_behind(
        "trap '' TERM HUP PIPE; sleep 600 & echo up; while :; do sleep 60; done", tmp_path
    )
    assert members
    assert end_orphans(tmp_path, grace_s=0.2) == ["stubborn"]
    assert not [process for process in members if table.look(process.pid)]
    assert not list(tmp_path.iterdir())


def test_grandchildren_are_found_when_their_leader_is_gone(tmp_path: Path) -> None:
    note, _ = left_behind("(trap '' TERM HUP; sleep 600) & sleep 0.01; echo up; wait", tmp_path)
    leader = table.look(note.pid)
    if leader is not None:
        table.send(leader, signal.SIGKILL)
    end_orphans(tmp_path, grace_s=0.2)
    assert not [process for process in table.everything() if process.session == note.pid]


def test_a_process_that_got_the_pid_of_a_child_is_left_alone(tmp_path: Path) -> None:
    with subprocess.Popen(["sleep", "600"], start_new_session=True) as stranger:
        found = table.look(stranger.pid)
        assert found is not None
        note = record.Record(
            name="web", pid=stranger.pid, start=found.start, boot=table.boot_id(), mark="_SIGHTLINE_CHILD_0"
        )
        for stale in (replace(note, start=found.start - 100), replace(note, boot="another-boot")):
            record.write(tmp_path, stale)
            assert end_orphans(tmp_path, grace_s=0.1) == []
            assert stranger.poll() is None
            assert not list(tmp_path.glob("*.json"))
        stranger.kill()


def test_a_record_that_a_full_disk_cut_is_dropped(tmp_path: Path) -> None:
    whole = json.dumps(asdict(record.Record(name="web", pid=1, start=1, boot="b", mark="m")))
    (tmp_path / "web.json").write_text(whole[: len(whole) // 2])
    assert end_orphans(tmp_path) == []
    assert not list(tmp_path.iterdir())

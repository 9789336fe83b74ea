"""A child ends with everything that it started, whatever that does to stay."""

import queue
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sightline.processes import table
from sightline.processes.child import Child

STUBBORN = "trap '' TERM INT HUP; echo up; while :; do sleep 60; done"
GRANDCHILDREN = "sleep 600 & bash -c 'sleep 600 & wait' & echo up; wait"
# setsid leaves the process group and the session; the parent of what it runs is gone at once.
ESCAPED = "(setsid sleep 600 &) ; echo up; sleep 600"


class Lines:
    """The output of a child, line by line as it comes."""

    def __init__(self) -> None:
        self._lines: queue.Queue[str] = queue.Queue()

    def __call__(self, line: str) -> None:
        self._lines.put(line)

    def next(self) -> str:
        return self._lines.get(timeout=20)


def started(script: str, folder: Path) -> tuple[Child, Lines]:
    lines = Lines()
    child = Child(name="script", argv=["bash", "-c", script], folder=folder, on_line=lines)
    child.start()
    assert lines.next() == "up"
    return child, lines


def living(processes: list[table.Process]) -> list[table.Process]:
    now = {process.identity for process in table.everything()}
    return [process for process in processes if process.identity in now]


def test_a_child_that_ends_when_asked_is_not_killed(tmp_path: Path) -> None:
    child, _ = started("trap 'exit 7' TERM; echo up; while :; do sleep 0.05; done", tmp_path)
    assert child.stop(20) == 7
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("script", [GRANDCHILDREN, ESCAPED])
def test_stopping_a_child_ends_what_it_started(script: str, tmp_path: Path) -> None:
    child, _ = started(script, tmp_path)
    members = child.members()
    assert len(members) >= 2
    child.stop(0.5)
    assert not living(members)
    assert not child.alive()


def test_a_child_that_ignores_every_polite_signal_is_killed_after_its_time(tmp_path: Path) -> None:
    child, _ = started(STUBBORN, tmp_path)
    members, began = child.members(), time.monotonic()
    assert child.stop(0.3) == -signal.SIGKILL
    assert time.monotonic() - began >= 0.3
    assert not living(members)


def test_what_a_dead_child_left_running_is_ended_before_it_starts_again(tmp_path: Path) -> None:
    child, _ = started("sleep 600 & echo up; exit 3", tmp_path)
    assert child.wait(20) == 3
    left = child.members()
    assert [process.pid for process in left] != []
    child.start()
    assert not living(left)
    child.kill()


def test_stopping_a_child_that_was_never_started_does_nothing(tmp_path: Path) -> None:
    child = Child(name="none", argv=["true"], folder=tmp_path)
    assert child.stop(1) is None
    assert child.pid is None


def test_a_program_that_does_not_exist_is_an_os_error(tmp_path: Path) -> None:
    child = Child(name="none", argv=["/does/not/exist"], folder=tmp_path)
    with pytest.raises(FileNotFoundError):
        child.start()


def test_a_progress_bar_and_bytes_that_are_no_text_become_lines(tmp_path: Path) -> None:
    child, lines = started(r"echo up; printf '10%%\r20%%\n\xff\n'", tmp_path)
    assert [lines.next(), lines.next(), lines.next()] == ["10%", "20%", "�"]
    child.kill()


def test_a_child_is_told_when_its_parent_is_killed(tmp_path: Path) -> None:
    """Also when the thread that started it ended long before."""
    program = (
        "import sys, threading\n"
        "from pathlib import Path\n"
        "from sightline.processes.child import Child\n"
        "child = Child(name='c', argv=['sleep', '600'], folder=Path(sys.argv[1]))\n"
        "thread = threading.Thread(target=child.start)\n"
        "thread.start(); thread.join()\n"
        "print(child.pid, flush=True)\n"
        "sys.stdin.read()\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert table.look(pid) is not None
        parent.kill()
    until = time.monotonic() + 20
    while table.look(pid) is not None:
        assert time.monotonic() < until, "the child outlived its parent"
        time.sleep(0.01)

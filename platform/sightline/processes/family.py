"""Everything that a started program left running: its session, its children, and who carries its mark."""

import secrets
import signal
import time

from sightline.processes import table
from sightline.processes.table import Process

POLL_S = 0.02
_MARK = "_SIGHTLINE_CHILD_"


def new_mark() -> str:
    """The name of an environment variable that a program passes on to all that it starts.

    It has a name of its own for each child, so that a child of a child carries both.
    """
    return _MARK + secrets.token_hex(8)


def members(*, leader: int, start: int, mark: str) -> list[Process]:
    """The living processes that come from the session leader `leader`, started at `start` (clock ticks).

    A pid is not given away while a session of that number lives. So the session is ours when its leader lives
    and started then; or when the leader is gone and the member carries our mark, or can no longer tell.
    """
    among = table.everything()
    holder = next((process for process in among if process.pid == leader), None)
    given_away = holder is not None and holder.start != start
    found: dict[int, Process] = {}
    for process in among:
        if process.start < start:
            continue
        mine = process.identity == (leader, start)
        if not mine and process.session == leader and not given_away:
            mine = holder is not None or not _foreign(process, mark)
        if mine or _carries(process, mark):
            found[process.pid] = process
    for process in table.descendants(list(found), among):
        found.setdefault(process.pid, process)
    return list(found.values())


def _carries(process: Process, mark: str) -> bool:
    return f"{mark}=".encode() in table.environment(process.pid)


def _foreign(process: Process, mark: str) -> bool:
    """An intact environment (it names a PATH) without our mark belongs to somebody else."""
    environment = table.environment(process.pid)
    return b"PATH=" in environment and f"{mark}=".encode() not in environment


def kill_all(*, leader: int, start: int, mark: str, also: list[Process], within_s: float) -> list[Process]:
    """SIGKILL every member and every one of `also`, until none is left; those that survive `within_s`.

    Killing goes round by round, because a process may start another while it is being looked at. Only a
    process that hangs in the kernel (state D) outlives this.
    """
    until = time.monotonic() + within_s
    while True:
        left = {process.pid: process for process in members(leader=leader, start=start, mark=mark)}
        for process in still_living(also):
            left.setdefault(process.pid, process)
        if not left or time.monotonic() > until:
            return list(left.values())
        for process in left.values():
            table.send(process, signal.SIGKILL)
        time.sleep(POLL_S)


def still_living(processes: list[Process]) -> list[Process]:
    living = []
    for process in processes:
        now = table.look(process.pid)
        if now is not None and now.start == process.start:
            living.append(now)
    return living

"""One program that we start, watch and end together with all that it starts."""

import ctypes
import logging
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO

from sightline.processes import family, record, table

log = logging.getLogger(__name__)

KILL_S = 10.0
LINE_BYTES = 65_536
_PR_SET_PDEATHSIG = 1
# Looked up before any fork: between fork and exec only what is already loaded may run.
_libc = ctypes.CDLL(None, use_errno=True)

# The kernel sends the parent-death signal when the *thread* that forked ends (prctl(2)). All children are
# therefore forked by one thread that lives as long as the process.
_spawner = ThreadPoolExecutor(max_workers=1, thread_name_prefix="spawner")


class Child:
    """A program in a session of its own, so that a Ctrl-C in the terminal does not reach it before we decide.

    `env` is its whole environment (None: ours). `on_line` gets each line of its output, standard error
    included, without the line's end; None lets it write to our own output. `folder` keeps its record for
    `orphans`. When this process dies, the child gets `death_signal`. May be started again after it ended.
    """

    def __init__(
        self,
        *,
        name: str,
        argv: Sequence[str],
        folder: Path,
        env: Mapping[str, str] | None = None,
        on_line: Callable[[str], None] | None = None,
        cwd: Path | None = None,
        death_signal: signal.Signals = signal.SIGTERM,
    ) -> None:
        self.name = name
        self.argv = list(argv)
        self.folder = folder
        self.env = dict(os.environ if env is None else env)
        self.on_line = on_line
        self.cwd = cwd
        self.death_signal = death_signal
        self.started_at = 0.0
        """`time.monotonic()` of the last start."""
        self._process: subprocess.Popen[str] | None = None
        self._start = 0
        self._mark = ""
        self._reader: threading.Thread | None = None

    @property
    def pid(self) -> int | None:
        """Its process id, also that of its process group; None before the first start."""
        return self._process.pid if self._process else None

    @property
    def exit_code(self) -> int | None:
        """None while it runs or before its first start; negative: ended by that signal."""
        return self._process.poll() if self._process else None

    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start it, after killing what an earlier run left. `OSError` when the program is not there."""
        if self.alive():
            raise RuntimeError(f"{self.name} runs already")
        if self._process is not None:
            self.kill()
        self._process = _spawner.submit(self._spawn).result()
        self.started_at = time.monotonic()
        if self.on_line is not None:
            self._reader = threading.Thread(
                target=self._read,
                args=(self._process.stdout, self.on_line),
                name=f"{self.name}-output",
                daemon=True,
            )
            self._reader.start()

    def _spawn(self) -> subprocess.Popen[str]:
        mark = family.new_mark()
        parent = os.getpid()
        death_signal = int(self.death_signal)

        def tie_to_parent() -> None:
            _libc.prctl(_PR_SET_PDEATHSIG, death_signal)
            if os.getppid() != parent:  # it died before the kernel knew whom to tell
                os.kill(os.getpid(), signal.SIGKILL)

        process = subprocess.Popen(
            self.argv,
            env={**self.env, mark: "1"},
            cwd=self.cwd,
            stdin=subprocess.DEVNULL,
            stdout=None if self.on_line is None else subprocess.PIPE,
            stderr=None if self.on_line is None else subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
            preexec_fn=tie_to_parent,  # it calls only what is already loaded
        )
        # Popen returns after the exec, and even the zombie of a program that ended has its start time.
        self._start, self._mark = _start_time(process.pid), mark
        record.write(
            self.folder,
            record.Record(
                name=self.name, pid=process.pid, start=self._start, boot=table.boot_id(), mark=mark
            ),
        )
        return process

    def _read(self, stream: IO[str], on_line: Callable[[str], None]) -> None:
        with stream:
            # Universal newlines: a progress bar that goes back with \r becomes lines.
            for line in iter(lambda: stream.readline(LINE_BYTES), ""):
                try:
                    on_line(line.rstrip("\r\n"))
                except Exception:
                    # Go on reading: a child whose pipe is full stands still.
                    log.exception("event=output_lost child=%s", self.name)

    def wait(self, timeout_s: float | None = None) -> int | None:
        """Its exit code once it ended; None when it still runs after `timeout_s`."""
        if self._process is None:
            return None
        try:
            return self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return None

    def members(self) -> list[table.Process]:
        """The living processes that come from the last start, the child itself included."""
        if self._process is None:
            return []
        return family.members(leader=self._process.pid, start=self._start, mark=self._mark)

    def stop(self, timeout_s: float, signal: signal.Signals = signal.SIGTERM) -> int | None:
        """Ask the whole process group to end, kill what is left after `timeout_s`; its exit code.

        Returns when every process that came from it is gone.
        """
        if self._process is None:
            return None
        known = self.members()
        if known:
            _signal_group(self._process.pid, signal)
        until = time.monotonic() + timeout_s
        while time.monotonic() < until:
            self._process.poll()  # reap it
            if not self.members() and not family.still_living(known):
                break
            time.sleep(family.POLL_S)
        return self.kill(also=known)

    def kill(self, *, also: Sequence[table.Process] = ()) -> int | None:
        """SIGKILL it and all that came from it, and wait until they are gone; its exit code."""
        if self._process is None:
            return None
        left = family.kill_all(
            leader=self._process.pid, start=self._start, mark=self._mark, also=list(also), within_s=KILL_S
        )
        if left:
            log.error("event=unkillable child=%s pids=%s", self.name, [process.pid for process in left])
            return self._process.poll()
        code = self._process.wait()
        if self._reader is not None:
            self._reader.join(1.0)
        record.remove(self.folder, self.name)
        return code


def _start_time(pid: int) -> int:
    raw = (table.PROC / str(pid) / "stat").read_bytes()
    return int(raw[raw.rindex(b")") + 2 :].split()[19])


def _signal_group(group: int, number: signal.Signals) -> None:
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return

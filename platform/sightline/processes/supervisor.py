"""Starts programs in ranks, starts again what ends, and stops all of them whatever happens."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sightline.processes.backoff import Backoff
from sightline.processes.child import Child

TICK_S = 0.1


@dataclass(frozen=True, kw_only=True)
class Program:
    """One program to keep running."""

    name: str
    argv: Callable[[], Sequence[str]]
    """Called before every start, so that it may also prepare what the program needs."""
    env: Mapping[str, str]
    """Its whole environment."""
    rank: int
    """Ranks start upwards and stop downwards: what others need has a low one."""
    stop_s: float
    """Seconds it may take to end before it is killed."""
    ready: Callable[[], bool] | None = None
    """The next rank waits until this is true, or `ready_s` passed."""
    ready_s: float = 15.0


class Supervisor:
    """Runs until `stop` is set. `hurry` set afterwards kills what still drains.

    `on_line(name, line)` gets every line of output, `on_event(name, text)` what happens to the programs.
    """

    def __init__(
        self,
        programs: Sequence[Program],
        *,
        folder: Path,
        on_line: Callable[[str, str], None],
        on_event: Callable[[str, str], None],
    ) -> None:
        self._on_event = on_event
        self._kept = [_Kept(program, folder, on_line) for program in programs]

    def run(self, stop: threading.Event, hurry: threading.Event) -> None:
        try:
            for rank in self._ranks():
                self._start_rank(rank, stop)
            while not stop.wait(TICK_S):
                self._tick()
        finally:
            self.shut_down(hurry)

    def _ranks(self) -> list[list["_Kept"]]:
        ranks = sorted({kept.program.rank for kept in self._kept})
        return [[kept for kept in self._kept if kept.program.rank == rank] for rank in ranks]

    def _start_rank(self, rank: list["_Kept"], stop: threading.Event) -> None:
        for kept in rank:
            if not stop.is_set():
                self._start(kept)
        for kept in rank:
            until = time.monotonic() + kept.program.ready_s
            while kept.program.ready and not stop.is_set() and time.monotonic() < until:
                if kept.program.ready():
                    break
                self._tick()
                stop.wait(0.05)

    def _start(self, kept: "_Kept") -> None:
        try:
            kept.child.argv = list(kept.program.argv())
            kept.child.start()
        except OSError as error:
            pause = kept.backoff.ended(ran_s=0.0)
            self._on_event(kept.program.name, f"cannot start: {error}; again in {pause:g} s")
            return
        kept.begun = True
        kept.backoff.started()

    def _tick(self) -> None:
        for kept in self._kept:
            if kept.backoff.pending:
                if kept.backoff.due():
                    self._start(kept)
            elif kept.begun and not kept.child.alive():
                pause = kept.backoff.ended(ran_s=time.monotonic() - kept.child.started_at)
                how = _how(kept.child.exit_code)
                self._on_event(kept.program.name, f"{how}; starts again in {pause:g} s")

    def shut_down(self, hurry: threading.Event) -> None:
        """Stop all, the highest rank first, those of a rank together; returns when no process is left."""
        for rank in reversed(self._ranks()):
            stops = [
                threading.Thread(
                    target=kept.child.stop, args=[kept.program.stop_s], name=f"stop-{kept.program.name}"
                )
                for kept in rank
            ]
            for thread in stops:
                thread.start()
            while any(thread.is_alive() for thread in stops):
                if hurry.is_set():
                    for kept in rank:
                        kept.child.kill()
                for thread in stops:
                    thread.join(TICK_S)


class _Kept:
    """A program with its child and what is known of its ends."""

    def __init__(self, program: Program, folder: Path, on_line: Callable[[str, str], None]) -> None:
        self.program = program
        self.backoff = Backoff()
        self.begun = False
        self.child = Child(
            name=program.name,
            argv=(),
            env=program.env,
            folder=folder,
            on_line=lambda line: on_line(program.name, line),
        )


def _how(code: int | None) -> str:
    return f"was killed by signal {-code}" if code is not None and code < 0 else f"ended with code {code}"

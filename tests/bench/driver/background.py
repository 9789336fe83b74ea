"""A program in the background whose output goes to a file, so that reading it costs the driver nothing."""

import re
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from sightline.processes.child import Child

_ROOT = Path(__file__).resolve().parents[3]
_PATIENCE_S = 60.0


class Background:
    """A child with a log; ends with this process whatever happens to it."""

    def __init__(self, *, name: str, argv: Sequence[str], folder: Path, env: Mapping[str, str]) -> None:
        self.log = folder / f"{name}.log"
        # The shell only points the output at the file: `exec` leaves no shell behind.
        redirected = ["/bin/sh", "-c", 'exec "$@" >>"$0" 2>&1', str(self.log), *argv]
        self.child = Child(name=name, argv=redirected, folder=folder / "pids", env=env, cwd=_ROOT)

    @property
    def pid(self) -> int:
        assert self.child.pid is not None
        return self.child.pid

    def start(self) -> None:
        self.log.touch()
        self.child.start()

    def told(self, pattern: str, *, within_s: float = _PATIENCE_S) -> str:
        """The first group of the first match in the log, waiting for it."""
        until = time.monotonic() + within_s
        while True:
            text = self.log.read_text(errors="replace")
            if found := re.search(pattern, text):
                return found[1]
            if not self.child.alive() or time.monotonic() > until:
                raise RuntimeError(f"{self.child.name} did not say {pattern!r}:\n{text[-3000:]}")
            time.sleep(0.02)

    def stop(self) -> None:
        self.child.stop(15.0)


def python(*arguments: str) -> list[str]:
    """`python …` of this environment."""
    return [sys.executable, *arguments]

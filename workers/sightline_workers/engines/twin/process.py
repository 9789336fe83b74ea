"""A simulated engine as a child process, for tests and benchmarks."""

import json
import subprocess
import sys
import urllib.request
from dataclasses import fields
from types import TracebackType
from typing import Any

from .options import TwinOptions


class TwinProcess:
    """Starts on entering `with`, and is gone on leaving it.

    `python` must be able to import `sightline_workers`. Raises RuntimeError when it does not come up.
    """

    def __init__(self, options: TwinOptions | None = None) -> None:
        self.options = options or TwinOptions()
        # The base URL, while it runs.
        self.url = ""
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> "TwinProcess":
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start it; again on the same port if it ran before."""
        self.stop()
        argv = [sys.executable, "-m", "sightline_workers.engines.twin"]
        for option in fields(self.options):
            value = getattr(self.options, option.name)
            if value is not None:
                argv += [f"--{option.name.replace('_', '-')}", str(value)]
        if self.url:
            argv += ["--port", self.url.rsplit(":", 1)[1]]
        self._process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None  # noqa: S101 (narrows for the type checker)
        line = self._process.stdout.readline()
        if " on http://" not in line:
            raise RuntimeError(f"The twin did not start: it printed {line!r}")
        self.url = line.split(" on ")[1].strip()

    @property
    def pid(self) -> int:
        """Process id. Raises RuntimeError before `start`."""
        return self._running().pid

    def wait(self, timeout_s: float) -> int:
        """Wait for its end; the exit status. Raises subprocess.TimeoutExpired."""
        return self._running().wait(timeout_s)

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        self._running().kill()
        self._running().wait()

    def stop(self) -> None:
        """End it, however it is."""
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._process = None

    def faults(self, **switches: Any) -> dict[str, Any]:
        """Set switches (see `faults.Faults`); all of them as they are now. `crash=True` does not return."""
        answer: dict[str, Any] = self._call("POST", "/twin/faults", json.dumps(switches).encode())
        return answer

    def heal(self) -> None:
        """Switch every fault off."""
        self._call("DELETE", "/twin/faults")

    def stats(self) -> dict[str, Any]:
        """Counters and the order in which requests were scheduled."""
        answer: dict[str, Any] = self._call("GET", "/twin/stats")
        return answer

    def requests(self, since: int = 0) -> list[dict[str, Any]]:
        """The log of requests after number `since`, see `record.Entry`."""
        answer: list[dict[str, Any]] = self._call("GET", f"/twin/requests?since={since}")
        return answer

    def _running(self) -> "subprocess.Popen[str]":
        if self._process is None:
            raise RuntimeError("The twin is not running.")
        return self._process

    def _call(self, method: str, path: str, body: bytes | None = None) -> Any:
        request = urllib.request.Request(self.url + path, data=body, method=method)  # noqa: S310 (our own)
        with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310
            return json.load(response)

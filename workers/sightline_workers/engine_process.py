"""The engine under a group's supervisor: how it is started, whether it lives, how it ends."""

import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from django.conf import settings

from sightline.processes.child import Child
from sightline_workers.engines.contract import EngineError
from sightline_workers.engines.openai_http import OpenAIEngine

MISSES = 3
"""Looks without an answer or without progress after which an engine counts as hung."""


@dataclass(frozen=True, kw_only=True)
class Launch:
    """What to run for an engine, and where it will answer."""

    argv: Sequence[str]
    """Empty: the engine runs elsewhere, we only call it."""
    base_url: str
    served_model: str
    env: Mapping[str, str] = field(default_factory=dict)
    """The whole environment of the process."""
    revision: Callable[[], str] | None = None
    """What it would serve if it started now (`engines/revision.py`). None: only the engine itself can tell."""


class EngineProcess:
    """One engine: a child of ours, or one that runs elsewhere."""

    def __init__(
        self, launch: Launch, *, folder: Path, on_line: Callable[[str], None], client: OpenAIEngine
    ) -> None:
        self.launch = launch
        self.client = client
        self._child: Child | None = None
        if launch.argv:
            self._child = Child(
                name="engine", argv=launch.argv, env=launch.env, folder=folder, on_line=on_line
            )
        self._misses = 0
        self._progress: int | None = None

    @property
    def ours(self) -> bool:
        return self._child is not None

    @property
    def pid(self) -> int | None:
        return self._child.pid if self._child else None

    def start(self) -> None:
        self._misses, self._progress = 0, None
        if self._child is not None:
            self._child.start()

    def alive(self) -> bool:
        """False: its process ended. An engine elsewhere is judged by `hung` alone."""
        return self._child is None or self._child.alive()

    def ready(self) -> bool:
        """Has it loaded its model, and does it generate?"""
        try:
            self.client.models()
            self.client.canary(settings.CANARY_TIMEOUT_S)
        except EngineError:
            return False
        return True

    def hung(self) -> bool:
        """One look: three in a row without a canary's answer and without progress mean that it hangs.

        vLLM's `/health` answers 200 while its engine stands still, so only generated tokens count.
        """
        try:
            self.client.canary(settings.CANARY_TIMEOUT_S)
        except EngineError:
            self._misses = self._misses + 1 if not self._progressed() else 0
        else:
            self._misses = 0
        return self._misses >= MISSES

    def _progressed(self) -> bool:
        """Did it take a step since the last look? A long prefill may delay a canary without being a hang."""
        try:
            counter = self.client.progress()
        except EngineError:
            return False
        before, self._progress = self._progress, counter
        return before is not None and counter > before

    def stop(self, timeout_s: float) -> None:
        """End its whole process group and wait until it is gone."""
        if self._child is not None:
            self._child.stop(timeout_s)

    def kill(self) -> None:
        if self._child is not None:
            self._child.kill()

    @property
    def exit_code(self) -> int | None:
        return self._child.exit_code if self._child else None


def free_port(host: str = "127.0.0.1") -> int:
    """A port that nobody listens on. The engine keeps it over its restarts, so that workers need not be told."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])

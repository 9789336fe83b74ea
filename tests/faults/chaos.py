"""Kill workers, engines, Redis and the web process at random while clients submit, cancel and read.

`python tests/faults/chaos.py --minutes 1 --database sqlite|postgres [--seed N] [--no-plain]` prints what was
accepted, how it ended, what was lost or doubled and how long recovery took; then the same faults on plain Celery
with `acks_late`. The exit status is 1 when the platform lost or doubled anything. The seed makes the same faults in
the same order; which job they hit is up to the machine.
"""

import argparse
import random
import shutil
import signal
import sqlite3
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from support.bodies import KINDS, body
from support.client import Crowd
from support.invariants import statuses, violations
from support.platform import TENANTS, Platform
from support.postgresql_server import PostgreSQLServer
from support.waiting import until

WEIGHTS = {
    "worker": 8,
    "engine": 5,
    "web": 3,
    "redis": 2,
    "sweeper": 1,
    "group": 1,
    "flush": 1,
    "freeze worker": 1,
    "freeze engine": 1,
}
PAUSE_S = (0.1, 0.8)
BETWEEN, PATIENT_S = 2, 10.0
"""Jobs accepted between two faults, and the longest wait for them."""
LEASE_S = 3.0
BASE_JOB = 10_000_000
REPEATED, SHARE_REPEATED = 30, 0.15
"""So many requests are sent again and again, so that the cache and jobs that wait for others are there too."""


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One thing to break."""

    pause_s: float
    """Seconds to wait before it."""
    what: str
    chance: float
    """In [0, 1): picks the victim."""


def schedule(seed: int) -> Iterator[Fault]:
    """The endless sequence of faults of a seed."""
    chance = random.Random(seed)
    while True:
        (what,) = chance.choices(list(WEIGHTS), list(WEIGHTS.values()))
        yield Fault(pause_s=chance.uniform(*PAUSE_S), what=what, chance=chance.random())


@dataclass(kw_only=True)
class Totals:
    """What a run did."""

    kills: Counter[str] = field(default_factory=Counter)
    interrupted: list[tuple[object, int, float]] = field(default_factory=list)
    """Job key, run and wall time of every run that a kill ended."""


class Breaker:
    """Applies faults to a platform."""

    def __init__(self, platform: Platform, totals: Totals) -> None:
        self._platform = platform
        self._totals = totals
        self._later: list[threading.Thread] = []

    def apply(self, fault: Fault) -> None:
        platform, totals = self._platform, self._totals
        group = platform.group_names[int(fault.chance * 97) % len(platform.group_names)]
        kind = KINDS[int(fault.chance * 89) % len(KINDS)]
        match fault.what:
            case "worker":
                self._kill_child(group, kind, f"{kind}-{group}@%")
            case "engine":
                self._kill_child(group, "engine", f"%-{group}@%")
            case "web" | "sweeper":
                platform.children[fault.what].kill()
                totals.kills[fault.what] += 1
                getattr(platform, f"start_{fault.what}")()
            case "group":
                self._note(f"%-{group}@%")
                platform.children[group].kill()
                totals.kills["group"] += 1
                platform.start_group(group)
            case "redis":
                platform.redis.kill()
                totals.kills["redis"] += 1
                time.sleep(fault.chance)
                platform.redis.start()
            case "flush":
                platform.redis.flush()
                totals.kills["flush (no kill)"] += 1
            case "freeze worker":
                self._freeze(group, kind)
            case "freeze engine":
                self._freeze(group, "engine")

    def settle(self) -> None:
        """Wait until what was frozen goes on."""
        for thread in self._later:
            thread.join()

    def _kill_child(self, group: str, name: str, worker: str) -> None:
        running = self._running(worker)
        if self._platform.signal(group, name, signal.SIGKILL):
            self._totals.kills["engine" if name == "engine" else "worker"] += 1
            self._totals.interrupted += running

    def _note(self, worker: str) -> None:
        self._totals.interrupted += self._running(worker)

    def _running(self, worker: str) -> list[tuple[object, int, float]]:
        rows = self._platform.rows(
            "SELECT id, run FROM jobs_job WHERE status = 'running' AND worker LIKE ?", worker
        )
        return [(row["id"], row["run"], time.time()) for row in rows]

    def _freeze(self, group: str, name: str) -> None:
        """Stop it for longer than its lease; go on meanwhile."""
        pid = self._platform.pid(group, name)
        if pid is None or not self._platform.signal(group, name, signal.SIGSTOP):
            return
        self._totals.kills["frozen (no kill)"] += 1

        def thaw() -> None:
            time.sleep(LEASE_S * 1.5)
            if self._platform.pid(group, name) == pid:
                self._platform.signal(group, name, signal.SIGCONT)

        thread = threading.Thread(target=thaw)
        thread.start()
        self._later.append(thread)


def break_for(minutes: float, seed: int, apply: Callable[[Fault], None], accepted: Callable[[], int]) -> None:
    """Apply the seed's faults, each after its pause and after clients got on: a dead platform has no more to lose."""
    end = time.monotonic() + minutes * 60
    for fault in schedule(seed):
        time.sleep(fault.pause_s)
        wanted, patient_until = accepted() + BETWEEN, time.monotonic() + PATIENT_S
        while accepted() < wanted and time.monotonic() < min(end, patient_until):
            time.sleep(0.05)
        if time.monotonic() > end:
            return
        apply(fault)


def run_platform(minutes: float, seed: int, postgres: PostgreSQLServer | None) -> bool:
    """Whether nothing was lost or doubled."""
    totals = Totals()
    options = ("profile=batching", "speed=2")
    cached = {"SIGHTLINE_CACHE": "true"}
    with Platform(postgres=postgres, groups=2, twin_options=options, lease_s=LEASE_S, env=cached) as platform:
        clients = [platform.client(tenant) for tenant in TENANTS for _ in range(2)]

        def make(chance: random.Random, number: int) -> dict[str, object]:
            if chance.random() < SHARE_REPEATED:
                number = -1 - chance.randrange(REPEATED)
            return body(chance.choice(KINDS), BASE_JOB + number, max_attempts=10)

        with Crowd(clients, make=make, seed=seed, pause_s=0.25, cancels=0.05) as crowd:
            breaker = Breaker(platform, totals)
            break_for(minutes, seed, breaker.apply, lambda: len(crowd.jobs))
            breaker.settle()
        platform.wait_ready()
        platform.drained(within_s=300.0)
        for job, client in crowd.jobs.items():
            client.read(job)
        found = [*violations(platform, platform.history), *(f"client: {error!r}" for error in crowd.errors)]
        report(platform, totals, found)
        if found:
            kept = Path(tempfile.mkdtemp(prefix="chaos-")) / "home"
            shutil.copytree(platform.home, kept, ignore=shutil.ignore_patterns("*.sock"))
            print(f"  evidence kept in {kept}")
    return not found


def report(platform: Platform, totals: Totals, found: list[str]) -> None:
    accepted = platform.history.accepted()
    known = statuses(platform)
    ended = Counter(known.get(job, "gone") for job in accepted)
    recovered = sorted(_recoveries(platform, totals))
    kills = sum(count for what, count in totals.kills.items() if "no kill" not in what)
    print(f"Sightline on {'PostgreSQL' if platform.postgres else 'SQLite'}")
    print(f"  kills     {kills}  ({', '.join(f'{what} {n}' for what, n in totals.kills.most_common())})")
    print(f"  accepted  {len(accepted)}")
    print(f"  ended     {', '.join(f'{status} {n}' for status, n in ended.most_common())}")
    print(f"  by        {', '.join(f'{source} {n}' for source, n in _sources(platform))}")
    print(f"  lost      {sum(line.startswith('I1') for line in found)}")
    print(f"  double    {sum(line.startswith('I2') for line in found)}")
    if recovered:
        p50 = statistics.median(recovered)
        print(
            f"  recovery  p50 {p50:.1f} s, max {recovered[-1]:.1f} s ({len(recovered)} runs were interrupted)"
        )
    for line in found[:20]:
        print(f"  VIOLATION {line}")


def _sources(platform: Platform) -> list[tuple[str, int]]:
    """Where answers came from: engine, cache, coalesced."""
    rows = platform.rows(
        "SELECT served_from, COUNT(*) AS n FROM jobs_job GROUP BY served_from ORDER BY n DESC"
    )
    return [(row["served_from"] or "nobody", row["n"]) for row in rows]


def _recoveries(platform: Platform, totals: Totals) -> Iterator[float]:
    """Seconds from a kill to the start of the next run of each job that it interrupted."""
    for key, run, at in totals.interrupted:
        rows = platform.rows("SELECT started_at FROM jobs_attempt WHERE job_id = ? AND run = ?", key, run + 1)
        if rows:
            yield _epoch(rows[0]["started_at"]) - at


def _epoch(moment: datetime | str) -> float:
    if isinstance(moment, str):
        moment = datetime.fromisoformat(moment).replace(tzinfo=UTC)
    return moment.timestamp()


def run_plain(minutes: float, seed: int) -> None:
    """The faults that plain Celery can have: its workers and its Redis."""
    from plain_celery import PlainCelery

    home = Path(tempfile.mkdtemp(prefix="sightline-plain-"))
    plain = PlainCelery(home)
    kills: Counter[str] = Counter()

    def apply(fault: Fault) -> None:
        match fault.what:
            case "worker" | "group":
                worker = plain.workers[int(fault.chance * 97) % 2]
                worker.kill()
                worker.start()
                kills["worker"] += 1
            case "redis":
                plain.redis.kill()
                time.sleep(fault.chance)
                plain.redis.start()
                kills["redis"] += 1
            case "flush":
                plain.redis.flush()
                kills["flush (no kill)"] += 1

    try:
        plain.start()
        until(plain.done, what="plain Celery works")
        break_for(minutes, seed, apply, lambda: len(plain.accepted))
        plain.stop_submitting()
        _settle(plain.done)
        done = Counter(plain.done())
    finally:
        plain.stop_submitting()
        plain.stop()
        shutil.rmtree(home, ignore_errors=True)
    print("Plain Celery, acks_late, visibility time-out of 10 s")
    print(f"  kills     {', '.join(f'{what} {n}' for what, n in kills.most_common())}")
    print(f"  accepted  {len(plain.accepted)}")
    print(f"  lost      {sum(job not in done for job in plain.accepted)}")
    print(f"  double    {sum(count > 1 for count in done.values())}")


def _settle(done: Callable[[], list[int]]) -> None:
    """Until no result came for three visibility time-outs."""
    seen, since = -1, time.monotonic()
    while time.monotonic() - since < 30:
        try:
            now = len(done())
        except sqlite3.OperationalError:
            now = seen
        if now != seen:
            seen, since = now, time.monotonic()
        time.sleep(0.5)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--database", choices=("sqlite", "postgres"), default="sqlite")
    parser.add_argument("--seed", type=int, default=0, help="0: a new one, which is printed")
    parser.add_argument("--plain", action=argparse.BooleanOptionalAction, default=True)
    chosen = parser.parse_args()
    seed = chosen.seed or random.SystemRandom().randrange(1, 10**6)
    print(f"seed {seed}, {chosen.minutes:g} min", flush=True)
    postgres = None
    try:
        if chosen.database == "postgres":
            postgres = PostgreSQLServer()
            postgres.start()
        kept = run_platform(chosen.minutes, seed, postgres)
    finally:
        if postgres is not None:
            postgres.stop()
    sys.stdout.flush()
    if chosen.plain:
        run_plain(chosen.minutes, seed)
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())

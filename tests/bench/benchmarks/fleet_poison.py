"""One poisonous image among 200 jobs on two groups: who pays for it."""

import asyncio
import hashlib
import itertools
import json
import random
import sqlite3
from dataclasses import dataclass, field
from typing import Any

from driver import load, users, workload
from driver.report import Finding, Table
from driver.scale import Scale
from driver.stack import Stack
from driver.workload import Task

JOBS = 200
PER_S = 8.0
"""Arrivals a second: what one group alone can serve, so that the other one's queue does not grow without end."""
SEATS = {"gui": 8, "chat": 8, "ocr": 16}
MOST_DEATHS, MOST_MORE_MS = 3, 1000.0
_ENDS = ("succeeded", "incomplete", "failed", "cancelled", "expired", "quarantined")


@dataclass(kw_only=True)
class _Run:
    """What became of one run's jobs."""

    latencies_ms: dict[str, list[float]] = field(default_factory=dict)
    """From accepted to ended, by the group that ended it."""
    statuses: dict[str, str] = field(default_factory=dict)
    """By job."""
    deaths: dict[str, int] = field(default_factory=dict)
    """Engines that died, by group."""
    suspects: int = 0
    """Jobs that were aboard an engine when it died."""


def run(scale: Scale) -> Finding:
    tasks = workload.demo_like(60)
    picture = tasks[0].picture
    assert picture is not None
    poison = hashlib.sha256(picture.data).hexdigest()
    settings = {"SIGHTLINE_LEASE_S": "6", "SIGHTLINE_CACHE": "false"}
    with Stack(scale.folder / "platform", seats=SEATS, settings=settings) as stack:
        for name in ("gpu0", "gpu1"):
            stack.group(name, twin_options=("profile=batching", f"poison={poison}"))
        stack.workers_listen("gpu0", "gpu1")
        count = scale.count(JOBS)
        asyncio.run(_arrive(stack, tasks[1:], None, 16))  # the first jobs of a worker take longer
        harmless = asyncio.run(_arrive(stack, tasks[1:], None, count))
        poisoned = asyncio.run(_arrive(stack, tasks[1:], tasks[0], count))
    return _finding(harmless, poisoned, count)


async def _arrive(stack: Stack, tasks: list[Task], poison: Task | None, count: int) -> _Run:
    """So many jobs at random moments; the poisonous one after a third of them."""
    chance, before = random.Random(1), _restarts(stack)
    turn, clients, jobs = itertools.cycle(tasks), [stack.client() for _ in range(16)], []

    async def send(number: int, body: bytes) -> None:
        answer = await clients[number % len(clients)].request("POST", users.JOBS, body)
        if answer.status != 202:
            raise RuntimeError(f"{answer.status} {answer.body[:300]!r}")
        jobs.append(json.loads(answer.body)["id"])

    sent: list[asyncio.Task[None]] = []
    for number in range(count):
        task = poison if poison is not None and number == count // 3 else next(turn)
        await asyncio.sleep(chance.expovariate(PER_S))
        if len(sent) >= len(clients):
            await sent[-len(clients)]  # a connection carries one request at a time
        sent.append(asyncio.create_task(send(number, task.native())))
    await asyncio.gather(*sent)
    for client in clients:
        client.close()
    rows = await _ended(stack, jobs)
    found = _Run()
    for job, row in zip(jobs, rows, strict=True):
        found.statuses[job] = row["status"]
        found.suspects += row["crashes"] > 0
        found.latencies_ms.setdefault(row["group"], []).append(row["ms"])
    # The job's end is written before the supervisor has noticed the last death.
    while True:
        found.deaths = {group: n - before.get(group, 0) for group, n in _restarts(stack).items()}
        if sum(found.deaths.values()) >= max(row["crashes"] for row in rows):
            return found
        await asyncio.sleep(0.1)


async def _ended(stack: Stack, jobs: list[str]) -> list[dict[str, Any]]:
    """The rows of these jobs once all have ended."""
    from sightline import ids

    marks = ", ".join("?" * len(jobs))
    statement = (
        'SELECT id, status, "group", crashes, (julianday(ended_at) - julianday(created_at)) * 86400000 AS ms'
        f" FROM jobs_job WHERE id IN ({marks})"
    )
    keys = [ids.decode(ids.JOB, job).hex for job in jobs]
    for _ in range(1200):
        rows = {row["id"]: row for row in _query(stack, statement, *keys)}
        if len(rows) == len(jobs) and all(row["status"] in _ENDS for row in rows.values()):
            return [rows[key] for key in keys]
        await asyncio.sleep(0.1)
    raise TimeoutError("the jobs did not end within two minutes")


def _finding(harmless: _Run, poisoned: _Run, count: int) -> Finding:
    deaths = sum(poisoned.deaths.values())
    (other,) = [group for group, died in poisoned.deaths.items() if not died] or [""]
    if not other:
        raise RuntimeError(f"engines of both groups died: {poisoned.deaths}")
    p99 = {
        name: load.quantile(run.latencies_ms[other], 0.99)
        for name, run in (("without", harmless), ("with", poisoned))
    }
    more = p99["with"] - p99["without"]
    ends = sorted(poisoned.statuses.values())
    fine = ends.count("succeeded") + ends.count("incomplete")
    rows = [
        [
            f"{name} poison",
            len(run.latencies_ms[other]),
            load.quantile(run.latencies_ms[other], 0.5),
            p99[name],
            load.quantile([ms for all_ms in run.latencies_ms.values() for ms in all_ms], 0.99),
            sum(run.deaths.values()),
            run.suspects,
            list(run.statuses.values()).count("quarantined"),
        ]
        for name, run in (("without", harmless), ("with", poisoned))
    ]
    columns = ["run", "jobs of the other group", "its p50 ms", "its p99 ms", "p99 of all ms"]
    return Finding(
        name="fleet_poison",
        title="One poisonous image among many jobs",
        about=f"{count} jobs of three kinds arrive at random, {PER_S:g} a second, at two groups on twins. One image"
        " kills the engine that it is aboard. The other group is the one whose engine never died.",
        summary=[
            f"{ends.count('quarantined')} job quarantined after {deaths} engine deaths (aim ≤ {MOST_DEATHS}),"
            f" {fine} of the {count - 1} others succeeded",
            f"the other group's p99 {p99['with']:.0f} ms, {more:+.0f} ms against a run without poison"
            f" (aim ≤ +{MOST_MORE_MS:.0f})",
        ],
        tables=[
            Table(
                title="From accepted to ended",
                columns=[*columns, "engine deaths", "suspects", "quarantined"],
                rows=rows,
            )
        ],
        figures={
            "engine_deaths": deaths,
            "quarantined": ends.count("quarantined"),
            "others_succeeded": fine,
            "other_group_p99_ms": p99,
            "other_group_p99_more_ms": more,
        },
    )


def _restarts(stack: Stack) -> dict[str, int]:
    return {row["id"]: row["restarts"] for row in _query(stack, "SELECT id, restarts FROM fleet_group")}


def _query(stack: Stack, statement: str, *params: object) -> list[dict[str, Any]]:
    with sqlite3.connect(stack.home / "sightline.sqlite3", timeout=20) as database:
        database.row_factory = sqlite3.Row
        return [dict(row) for row in database.execute(statement, params)]

"""gui never waits behind ocr, ocr keeps its seats in a gui flood, a cancelled job frees its seat, and what dies."""

import asyncio
import json
import os
import signal
import sqlite3
import time
from datetime import datetime
from pathlib import Path
from typing import Any

from driver import load, twin, users, workload
from driver.plots import Bars, Figure, distribution
from driver.report import Finding, Table
from driver.scale import Scale
from driver.stack import GPU_SEATS, Stack

BACKLOG = 10_000
LEASE_S = 6.0
GUI_PER_S = 3.0
"""Beside 64 ocr jobs the engine takes 1.4 s for a gui job: so few that they never wait for gui's own 16 seats."""
SPEED = 2.0
"""Of the twin, so that a run stays short."""


def run(scale: Scale) -> Finding:
    settings = {"SIGHTLINE_LEASE_S": str(LEASE_S), "SIGHTLINE_CACHE": "false"}
    with Stack(scale.folder / "platform", settings=settings) as stack:
        # Its own twin: killed, it is started again.
        stack.group(twin_options=("profile=batching", f"speed={SPEED}"))
        stack.workers_listen("gpu0")
        return asyncio.run(_measure(scale, stack))


async def _measure(scale: Scale, stack: Stack) -> Finding:
    url = _engine_url(stack)
    tasks = workload.demo_like(3)
    uploads = {task.kind: await users.upload(stack, task.picture) for task in tasks if task.picture}
    bodies = {task.kind: task.native(uploads[task.kind]) for task in tasks}
    seconds = scale.seconds(100)

    unloaded = await _gui_waits(stack, url, bodies["gui"], seconds)
    _backlog(stack, BACKLOG, uploads["ocr"])
    await _full(url, GPU_SEATS["ocr"])
    loaded = await _gui_waits(stack, url, bodies["gui"], seconds)
    share = await _ocr_share(stack, url, bodies["gui"], scale.seconds(10))
    worker_s = await _worker_killed(stack, url)
    engine_s = await _engine_killed(stack, url)
    await _drop_backlog(stack)
    cancels = await _cancels(stack, url, bodies["ocr"], scale.count(30))

    quantiles = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
    waits = {name: {q: load.quantile(w, p) for q, p in quantiles.items()} for name, w in
             (("unloaded", unloaded), ("backlog", loaded))}  # fmt: skip
    more = {q: waits["backlog"][q] - waits["unloaded"][q] for q in quantiles}
    wait_table = Table(
        title=f"gui: from accepted to scheduled by the engine, ms ({GUI_PER_S:g} jobs/s arrive)",
        columns=["", *quantiles, "jobs"],
        rows=[
            ["unloaded", *waits["unloaded"].values(), len(unloaded)],
            [f"behind {BACKLOG:,} ocr jobs", *waits["backlog"].values(), len(loaded)],
            ["more", *more.values(), ""],
        ],
    )
    rest = Table(
        title="Seats, cancels and recovery",
        columns=["what", "value"],
        rows=[
            ["ocr seats used in a gui flood, mean of 64", share["mean"]],
            ["ocr seats used in a gui flood, 5th percentile", share["p5"]],
            ["cancel to free seat p50, ms", load.quantile(cancels, 0.5)],
            ["cancel to free seat p99, ms", load.quantile(cancels, 0.99)],
            [f"ocr worker SIGKILLed, until its jobs run again, s (lease {LEASE_S:g} s)", worker_s],
            ["engine SIGKILLed, until jobs are served again, s", engine_s["served"]],
            ["engine SIGKILLed, until all seats are used again, s", engine_s["full"]],
        ],
    )
    return Finding(
        name="priority",
        title="Priority, seats and recovery",
        about=f"One group on a twin (`batching`, {SPEED:g} times its speed) with the seats of a GPU: gui 16, chat 64,"
        " ocr 64. The engine's own log tells when it scheduled a request.",
        summary=[
            f"gui wait p99 {waits['backlog']['p99']:.0f} ms behind {BACKLOG:,} ocr jobs,"
            f" {more['p99']:+.0f} ms against unloaded (aim ≤ +50)",
            f"ocr used {share['mean']:.1f} of its 64 seats in a gui flood (5th percentile {share['p5']:.0f})",
            f"cancel to free seat p50 {load.quantile(cancels, 0.5):.0f} ms, p99 {load.quantile(cancels, 0.99):.0f} ms"
            " (aim ≤ 500)",
            f"recovery after SIGKILL: worker {worker_s:.1f} s (lease {LEASE_S:g} s), engine {engine_s['served']:.1f} s",
        ],
        tables=[wait_table, rest],
        figures={
            "gui_wait_ms": waits,
            "gui_wait_more_ms": more,
            "ocr_seats_in_gui_flood": share,
            "cancel_to_free_seat_ms": {
                "p50": load.quantile(cancels, 0.5),
                "p99": load.quantile(cancels, 0.99),
            },
            "recovery_s": {"worker": worker_s, "engine": engine_s},
        },
        plots=[
            Figure(
                name="priority",
                title="gui behind a backlog of ocr",
                panels=[
                    distribution(
                        "From accepted to scheduled, ms",
                        {"unloaded": unloaded, f"behind {BACKLOG:,} ocr jobs": loaded},
                    ),
                    Bars(
                        title="The same by quantile",
                        y_label="ms",
                        labels=list(quantiles),
                        parts={
                            "unloaded": list(waits["unloaded"].values()),
                            f"behind {BACKLOG:,} ocr jobs": list(waits["backlog"].values()),
                        },
                        stacked=False,
                    ),
                ],
                published=True,
            )
        ],
        headline=wait_table,
    )


async def _gui_waits(stack: Stack, url: str, body: bytes, seconds: float) -> list[float]:
    """Milliseconds from a gui job's acceptance to its seat in the engine; jobs arrive at random."""
    accepted: dict[str, float] = {}

    def make_user() -> load.User:
        client = stack.client()

        async def user() -> bool:
            answer = await client.request("POST", users.JOBS, body, more="Prefer: wait=60\r\n")
            job = json.loads(answer.body)
            if answer.status == 200:
                accepted[job["id"]] = datetime.fromisoformat(job["created_at"]).timestamp()
            return answer.status == 200

        return user

    before = _last(url)
    samples = await load.open_loop(make_user, per_s=GUI_PER_S, seconds=seconds)
    if samples.failures:
        raise RuntimeError(f"{samples.failures} gui jobs did not end well")
    waits = []
    for request in twin.requests(url, before):
        moment = accepted.get(request["request_id"].rpartition("-")[0].rpartition("-")[0])
        if moment is not None and request["request_id"].endswith("-1-1") and request["scheduled"]:
            waits.append(max(0.0, request["scheduled"]["wall"] - moment) * 1000)
    return waits


async def _ocr_share(stack: Stack, url: str, gui: bytes, seconds: float) -> dict[str, float]:
    """Seats that ocr used while four times as many gui users as gui has seats sent as fast as they could."""
    before = _last(url)
    began = time.monotonic()
    crowd = [users.waiting_user(stack, lambda: gui) for _ in range(4 * GPU_SEATS["gui"])]
    await load.closed_loop(crowd, seconds=seconds, warm_up_s=2.0)
    ended = time.monotonic()
    numbers = twin.requests(url)
    ids = _ids_of_kind(stack, "ocr")
    steps = 200
    used = []
    for step in range(steps):
        moment = began + 2.0 + (ended - began - 2.5) * step / steps
        used.append(
            sum(
                1
                for r in numbers
                if r["request_id"].rpartition("-")[0].rpartition("-")[0] in ids
                and r["scheduled"]
                and r["scheduled"]["monotonic"] <= moment
                and (r["finished"] is None or r["finished"]["monotonic"] > moment)
            )
        )
    gui_calls = len([r for r in numbers if r["number"] > before and r["scheduled"]])
    return {"mean": sum(used) / steps, "p5": load.quantile(used, 0.05), "calls": gui_calls}


async def _worker_killed(stack: Stack, url: str) -> float:
    """Seconds from the SIGKILL of the ocr worker until the first of its jobs is at the engine again."""
    await _full(url, GPU_SEATS["ocr"])
    aboard = {r["request_id"].rpartition("-")[0].rpartition("-")[0] for r in twin.requests(url)[-200:]
              if r["scheduled"] and r["finished"] is None}  # fmt: skip
    before, killed = _last(url), time.time()
    os.kill(stack.worker_pid("ocr"), signal.SIGKILL)
    while time.time() - killed < 60:
        again = [
            r["arrived"]["wall"]
            for r in twin.requests(url, before)
            if r["request_id"].rpartition("-")[0].rpartition("-")[0] in aboard
        ]
        if again:
            return float(again[0] - killed)
        await asyncio.sleep(0.1)
    return float("nan")


async def _engine_killed(stack: Stack, url: str) -> dict[str, float]:
    """Seconds from the SIGKILL of the engine until it serves jobs again, and until all ocr seats are used."""
    await _full(url, GPU_SEATS["ocr"])
    killed = time.time()
    os.kill(_engine_pid(stack), signal.SIGKILL)
    served = float("nan")
    while time.time() - killed < 90:
        try:
            finished = [r for r in twin.requests(url) if r["images"] and r["outcome"] in ("stop", "length")]
            running = [r for r in twin.requests(url) if r["scheduled"] and r["finished"] is None]
        except OSError:
            await asyncio.sleep(0.1)
            continue
        if finished and served != served:
            served = finished[0]["finished"]["wall"] - killed
        if len(running) >= GPU_SEATS["ocr"]:
            return {"served": served, "full": time.time() - killed}
        await asyncio.sleep(0.1)
    return {"served": served, "full": float("nan")}


async def _cancels(stack: Stack, url: str, body: bytes, count: int) -> list[float]:
    """Milliseconds from sending a cancel until the engine has the seat back."""
    twin.set_faults(url, slow=500)
    client, found = stack.client(), []
    for _ in range(count):
        before = _last(url)
        job = json.loads((await client.request("POST", users.JOBS, body)).body)["id"]
        await _until(lambda b=before: any(r["scheduled"] for r in twin.requests(url, b) if r["images"]))
        sent = time.monotonic()
        await client.request("POST", f"{users.JOBS}/{job}/cancel")
        found.append((await _left(url, job, before) - sent) * 1000)
    twin.set_faults(url, slow=1)
    return found


async def _left(url: str, job: str, since: int) -> float:
    """The moment (monotonic) when the engine had done with a job."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        for request in twin.requests(url, since):
            if request["request_id"].startswith(job) and request["finished"] is not None:
                return float(request["finished"]["monotonic"])
        await asyncio.sleep(0.02)
    raise TimeoutError(f"{job} is still aboard")


def _backlog(stack: Stack, count: int, upload_id: str) -> None:
    stack.script(Path(load.__file__).with_name("backlog.py"), "ocr", str(count), upload_id)


async def _drop_backlog(stack: Stack) -> None:
    """End what waits, so that what follows meets an empty queue."""
    with sqlite3.connect(stack.home / "sightline.sqlite3", timeout=20) as database:
        database.execute("UPDATE jobs_job SET status = 'cancelled' WHERE status = 'queued'")
    url = _engine_url(stack)
    await _until(lambda: not [r for r in twin.requests(url)[-300:] if r["images"] and r["finished"] is None])


async def _full(url: str, seats: int) -> None:
    """Wait until the engine runs so many requests."""

    def running() -> bool:
        return len([r for r in twin.requests(url)[-400:] if r["scheduled"] and not r["finished"]]) >= seats

    await _until(running)


async def _until(true: Any, within_s: float = 60.0) -> None:
    until = time.monotonic() + within_s
    while not true():
        if time.monotonic() > until:
            raise TimeoutError("the platform did not get there")
        await asyncio.sleep(0.02)


def _last(url: str) -> int:
    found = twin.requests(url)
    return int(found[-1]["number"]) if found else 0


def _engine_url(stack: Stack) -> str:
    return str(_query(stack, "SELECT engine_url FROM fleet_group")[0][0])


def _engine_pid(stack: Stack) -> int:
    record = stack.home / "run" / "group-gpu0" / "engine.json"
    return int(json.loads(record.read_text())["pid"])


def _ids_of_kind(stack: Stack, kind: str) -> set[str]:
    from uuid import UUID

    from sightline import ids

    rows = _query(stack, "SELECT id FROM jobs_job WHERE kind = ? AND run > 0", kind)
    return {ids.encode(ids.JOB, UUID(row[0])) for row in rows}


def _query(stack: Stack, statement: str, *params: object) -> list[tuple[Any, ...]]:
    with sqlite3.connect(stack.home / "sightline.sqlite3", timeout=20) as database:
        return database.execute(statement, params).fetchall()

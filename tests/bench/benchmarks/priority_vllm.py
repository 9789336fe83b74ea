"""gui never waits behind ocr on real vLLM either: from accepted to scheduled, unloaded and under a backlog."""

import asyncio
import itertools
import json
import os
import sqlite3
import threading
from pathlib import Path

from driver import load, users, workload
from driver.background import Background
from driver.plots import Figure, distribution
from driver.report import Finding, Table
from driver.scale import Scale
from driver.spans import Scheduled, Spans
from driver.stack import Stack

SEATS = {"gui": 4, "chat": 8, "ocr": 8}
"""What a group on the CPU has by default."""
BACKLOG = 10_000
GUI_PER_S = 1.5
SECONDS = 120.0
"""Of each window: about 180 gui jobs, so that a p99 is more than the worst of a few."""
PARTS = ("accepted to claimed", "claimed to vLLM", "vLLM to scheduled")
QUANTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}


def run(scale: Scale) -> Finding:
    from sightline_workers.engine_process import free_port
    from sightline_workers.engines.vllm_server import launch_plan, parse_models, wait_ready

    spec = parse_models({"default": {"max_model_len": 8192}})["default"]
    plan = launch_plan(spec, gpus=(), port=free_port(), seats=sum(SEATS.values()) + 1)
    clean = {name: value for name, value in os.environ.items() if not name.startswith("SIGHTLINE_")}
    with Spans() as spans:
        engine = Background(
            name="vllm",
            argv=[*plan.argv, *spans.argv],
            folder=scale.folder / "engine",
            env={**clean, **plan.env, **spans.env},
        )
        engine.start()
        try:
            with Stack(
                scale.folder / "platform", seats=SEATS, settings={"SIGHTLINE_CACHE": "false"}
            ) as stack:
                wait_ready(plan.base_url, alive=engine.child.alive, on_progress=lambda _: None, timeout_s=300)
                stack.group(engine_url=plan.base_url)
                stack.workers_listen("gpu0")
                return asyncio.run(_measure(scale, stack, spans))
        finally:
            engine.child.kill()


async def _measure(scale: Scale, stack: Stack, spans: Spans) -> Finding:
    tasks = workload.demo_like(60)
    bodies = [task.native() for task in workload.by_kind(tasks, "gui")]
    picture = workload.by_kind(tasks, "ocr")[0].picture
    assert picture is not None
    upload = await users.upload(stack, picture)
    warm = [
        users.waiting_user(stack, users.in_turn([task.native() for task in tasks], start=n)) for n in range(8)
    ]
    await load.closed_loop(warm, seconds=scale.seconds(15))
    seconds = scale.seconds(SECONDS)
    unloaded = await _gui_waits(stack, spans, bodies, seconds)
    stack.script(Path(load.__file__).with_name("backlog.py"), "ocr", str(BACKLOG), upload)
    with _Watch(stack) as watch:
        await _ocr_is_at_work(watch)
        loaded = await _gui_waits(stack, spans, bodies, seconds)
    return _finding(unloaded, loaded, watch)


async def _gui_waits(
    stack: Stack, spans: Spans, bodies: list[bytes], seconds: float
) -> dict[str, list[float]]:
    """Milliseconds that gui jobs waited, in all and in each of the `PARTS`; they arrive at random."""
    before = set(spans.requests)
    users_of = iter(range(10**9))

    def make_user() -> load.User:
        return users.waiting_user(stack, users.in_turn(bodies, start=next(users_of)))

    samples = await load.open_loop(make_user, per_s=GUI_PER_S, seconds=seconds)
    if samples.failures:
        raise RuntimeError(f"{samples.failures} gui jobs did not end well")
    await asyncio.sleep(2.0)  # vLLM sends its spans in batches, twice a second
    taken = _times(stack, "gui")
    parts: dict[str, list[float]] = {name: [] for name in ("in all", *PARTS)}
    for request, seen in spans.requests.items():
        job = request.partition("-")[0]
        if request in before or job not in taken or not request.endswith("-1-1"):
            continue
        _add(parts, *taken[job], seen)
    return parts


def _add(parts: dict[str, list[float]], accepted: float, claimed: float, seen: Scheduled) -> None:
    moments = (accepted, claimed, seen.arrived, seen.scheduled)
    for name, (earlier, later) in zip(PARTS, itertools.pairwise(moments), strict=True):
        parts[name].append((later - earlier) * 1000)
    parts["in all"].append((seen.scheduled - accepted) * 1000)


def _times(stack: Stack, kind: str) -> dict[str, tuple[float, float]]:
    """When each job that ran once was accepted and claimed, seconds since the epoch, by public id."""
    from uuid import UUID

    from sightline import clock, ids

    statement = "SELECT id, created_at, claimed_at FROM jobs_job WHERE kind = ? AND run = 1"
    with sqlite3.connect(stack.home / "sightline.sqlite3", timeout=20) as database:
        rows = database.execute(statement, [kind]).fetchall()
    return {
        ids.encode(ids.JOB, UUID(key)): (clock.parse(created).timestamp(), clock.parse(claimed).timestamp())
        for key, created, claimed in rows
    }


class _Watch:
    """Looks four times a second how many ocr jobs wait and run."""

    def __init__(self, stack: Stack) -> None:
        self.waiting: list[int] = []
        self.running: list[int] = []
        self._file = stack.home / "sightline.sqlite3"
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> "_Watch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        statement = (
            "SELECT SUM(status = 'queued'), SUM(status = 'running') FROM jobs_job"
            " WHERE kind = 'ocr' AND status IN ('queued', 'running')"
        )
        with sqlite3.connect(self._file, timeout=20) as database:
            while not self._over.wait(0.25):
                waiting, running = database.execute(statement).fetchone()
                self.waiting.append(waiting or 0)
                self.running.append(running or 0)


async def _ocr_is_at_work(watch: _Watch) -> None:
    while max(watch.running, default=0) < SEATS["ocr"]:
        await asyncio.sleep(0.1)
    watch.waiting.clear()


def _finding(unloaded: dict[str, list[float]], loaded: dict[str, list[float]], watch: _Watch) -> Finding:
    if not min(watch.waiting):
        raise RuntimeError("the backlog was used up during the measurement")
    waits = {
        name: {part: {q: load.quantile(ms, p) for q, p in QUANTILES.items()} for part, ms in parts.items()}
        for name, parts in (("unloaded", unloaded), ("backlog", loaded))
    }
    more = {q: waits["backlog"]["in all"][q] - waits["unloaded"]["in all"][q] for q in QUANTILES}
    behind = f"behind {watch.waiting[0]:,} to {min(watch.waiting):,} ocr jobs"
    rows = [
        [label, part, *waits[name][part].values(), len(parts[part])]
        for label, name, parts in (("unloaded", "unloaded", unloaded), (behind, "backlog", loaded))
        for part in parts
    ]
    return Finding(
        name="priority_vllm",
        title="Priority on real vLLM",
        about=f"gui jobs arrive at random, {GUI_PER_S:g} a second, at one group on vLLM's CPU build with the seats of"
        " a CPU (gui 4, chat 8, ocr 8). vLLM's own traces tell when it scheduled a request. Platform, engine and load"
        " generator share the cores of this machine.",
        summary=[
            f"gui wait p99 {waits['backlog']['in all']['p99']:.0f} ms {behind}, {more['p99']:+.0f} ms against"
            f" unloaded (aim ≤ +50)"
        ],
        tables=[
            Table(
                title="gui: from accepted to scheduled by vLLM, ms",
                columns=["", "part", *QUANTILES, "jobs"],
                rows=[*rows, ["more", "in all", *more.values(), ""]],
            )
        ],
        figures=json.loads(
            json.dumps({"gui_wait_ms": waits, "gui_wait_more_ms": more, "backlog": watch.waiting[0]})
        ),
        plots=[
            Figure(
                name="priority_vllm",
                title="gui waits on real vLLM",
                panels=[
                    distribution(
                        "From accepted to scheduled, ms",
                        {"unloaded": unloaded["in all"], "behind ocr": loaded["in all"]},
                    )
                ],
            )
        ],
    )

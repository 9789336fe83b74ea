"""Real vLLM on the CPU with the shipped checkpoint: the platform beside bare clients on the same engine."""

import asyncio
import os
import time
import urllib.request

from driver import load, users, workload
from driver.background import Background
from driver.report import Finding, Plot, Table, ratio
from driver.scale import Scale
from driver.stack import Stack

CLIENTS = 16
SEATS = {"gui": 4, "chat": 8, "ocr": 8}
"""What a group on the CPU has by default."""
MIX = ("gui",) * 4 + ("chat",) * 6 + ("ocr",) * 6
"""Kinds of the 16 clients: no more of one than it has seats."""


def run(scale: Scale) -> Finding:
    from sightline_workers.engine_process import free_port
    from sightline_workers.engines.vllm_server import launch_plan, parse_models, wait_ready

    spec = parse_models({"default": {"max_model_len": 8192}})["default"]
    plan = launch_plan(spec, gpus=(), port=free_port(), seats=sum(SEATS.values()) + 1)
    clean = {name: value for name, value in os.environ.items() if not name.startswith("SIGHTLINE_")}
    engine = Background(
        name="vllm", argv=plan.argv, folder=scale.folder / "engine", env={**clean, **plan.env}
    )
    engine.start()
    try:
        with Stack(scale.folder / "platform", seats=SEATS) as stack:
            waited = wait_ready(
                plan.base_url, alive=engine.child.alive, on_progress=lambda _: None, timeout_s=300
            )
            print(f"  vLLM ready after {waited:.0f} s", flush=True)
            stack.group(engine_url=plan.base_url)
            stack.workers_listen("gpu0")
            return asyncio.run(_measure(scale, plan.base_url, stack))
    finally:
        engine.child.kill()


async def _measure(scale: Scale, url: str, stack: Stack) -> Finding:
    tasks = workload.demo_like(240)
    bodies = {
        kind: (
            [task.engine("default") for task in workload.by_kind(tasks, kind)],
            [task.native() for task in workload.by_kind(tasks, kind)],
        )
        for kind in ("gui", "chat", "ocr")
    }
    # One user for "one at a time": the kinds in the same proportion as the sixteen have them.
    turn = [(kind, n) for n in range(60) for kind in MIX]
    mixed = tuple([bodies[kind][way][n % 80] for kind, n in turn] for way in (0, 1))
    await _warm_up(url, mixed[0])
    seconds = scale.seconds(14)
    bare_one = await load.closed_loop([users.bare_user(url, mixed[0])], seconds=seconds)
    own_one = await load.closed_loop([users.waiting_user(stack, mixed[1])], seconds=seconds)
    bare = await load.closed_loop(
        [users.bare_user(url, bodies[kind][0], start=5 * n) for n, kind in enumerate(MIX)],
        seconds=seconds,
        warm_up_s=2.0,
    )
    await _empty(url)
    own = await load.closed_loop(
        [users.waiting_user(stack, bodies[kind][1], start=5 * n) for n, kind in enumerate(MIX)],
        seconds=seconds,
        warm_up_s=2.0,
    )
    rows = {
        "bare, 1": bare_one,
        "Sightline, 1": own_one,
        f"bare, {CLIENTS}": bare,
        f"Sightline, {CLIENTS}": own,
    }
    table = Table(
        title="gui, chat and ocr mixed, every picture drawn anew",
        columns=["clients", "jobs/s", "p50 ms", "p99 ms", "failures", "of one at a time", "of bare"],
        rows=[
            [name, s.per_s, s.quantile_ms(0.5), s.quantile_ms(0.99), s.failures, ratio(s.per_s, bare_one.per_s),
             ratio(s.per_s, bare.per_s if str(CLIENTS) in name else bare_one.per_s)]
            for name, s in rows.items()
        ],
    )  # fmt: skip
    return Finding(
        name="vllm",
        title="Real vLLM on the CPU",
        about="The checkpoint that is shipped, on vLLM's CPU build. One at a time: a single client that calls the"
        " engine directly and waits. Platform, engine and load generator share the cores of this machine.",
        summary=[
            f"16 clients {ratio(own.per_s, bare_one.per_s)} one at a time (aim 4.6×); bare clients"
            f" {ratio(bare.per_s, bare_one.per_s)}; Sightline has {own.per_s / bare.per_s:.0%} of bare (aim 85 %)",
        ],
        tables=[table],
        figures={
            **{name: s.figures() for name, s in rows.items()},
            "over_one_at_a_time": own.per_s / bare_one.per_s,
            "of_bare": own.per_s / bare.per_s,
        },
        plots=[
            Plot(
                name="vllm",
                title="Real vLLM on the CPU",
                x_label="clients",
                y_label="jobs/s",
                lines={
                    "bare": ((1, CLIENTS), (bare_one.per_s, bare.per_s)),
                    "Sightline": ((1, CLIENTS), (own_one.per_s, own.per_s)),
                },
            )
        ],
    )


async def _warm_up(url: str, bodies: list[bytes]) -> None:
    """The first requests of an engine pay for what it sets up."""
    crowd = [users.bare_user(url, bodies, start=n) for n in range(CLIENTS)]
    await load.closed_loop(crowd, seconds=4.0)
    await _empty(url)


async def _empty(url: str) -> None:
    """Wait until the engine has dropped what the last window left aboard."""
    until = time.monotonic() + 10
    while time.monotonic() < until:
        with urllib.request.urlopen(f"{url}/metrics", timeout=10) as response:
            lines = response.read().decode().splitlines()
        aboard = sum(
            float(line.rsplit(" ", 1)[1])
            for line in lines
            if line.startswith(("vllm:num_requests_running{", "vllm:num_requests_waiting{"))
        )
        if not aboard:
            return
        await asyncio.sleep(0.3)

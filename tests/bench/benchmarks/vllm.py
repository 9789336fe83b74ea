"""Real vLLM on the CPU with the shipped checkpoint: the platform beside the baselines on the same engine."""

import asyncio
import os
import time
import urllib.request
from contextlib import ExitStack

from driver import load, systems, users, workload
from driver.background import Background
from driver.report import Finding, Plot, Table, ratio
from driver.scale import Scale
from driver.stack import Stack

CLIENTS = 16
SEATS = {"gui": 4, "chat": 8, "ocr": 8}
"""What a group on the CPU has by default."""
MIX = ("gui",) * 4 + ("chat",) * 6 + ("ocr",) * 6
"""Kinds of the 16 clients: no more of one than it has seats."""
_POLL_S = 0.1
"""How often a user of RQ asks for its result: often, for its sake."""


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
        with ExitStack() as things:
            stack = things.enter_context(Stack(scale.folder / "platform", seats=SEATS))
            waited = wait_ready(
                plan.base_url, alive=engine.child.alive, on_progress=lambda _: None, timeout_s=300
            )
            print(f"  vLLM ready after {waited:.0f} s", flush=True)
            stack.group(engine_url=plan.base_url)
            stack.workers_listen("gpu0")
            return asyncio.run(_measure(scale, plan.base_url, stack, things))
    finally:
        engine.child.kill()


async def _measure(scale: Scale, url: str, stack: Stack, things: ExitStack) -> Finding:
    tasks = workload.demo_like(240)
    plain = {kind: [t.plain("default") for t in workload.by_kind(tasks, kind)] for kind in SEATS}
    native = {kind: [t.native() for t in workload.by_kind(tasks, kind)] for kind in SEATS}
    # For users that do not keep to a kind: the kinds in the same proportion as the sixteen have them.
    turn = [(kind, n) for n in range(60) for kind in MIX]
    mixed = [plain[kind][n % 80] for kind, n in turn]
    make: dict[str, systems.MakeUsers] = {
        "bare": lambda count: (
            [users.bare_user(url, plain[kind], start=5 * n) for n, kind in enumerate(MIX)]
            if count > 1
            else [users.bare_user(url, mixed)]
        ),
        "Sightline": lambda count: (
            [users.waiting_user(stack, native[kind], start=5 * n) for n, kind in enumerate(MIX)]
            if count > 1
            else [users.waiting_user(stack, [native[kind][n % 80] for kind, n in turn])]
        ),
        "synchronous": systems.synchronous(things, scale.folder, url, mixed),
        "RQ": systems.rq(things, scale.folder, url, mixed, poll_s=_POLL_S),
    }
    for name in ("bare", "Sightline"):  # what first requests pay for, here and there
        await load.closed_loop(make[name](CLIENTS), seconds=3.0)
        await _empty(url)
    # Twice, in turn, so that a busy moment of the machine strikes all.
    parts: dict[tuple[str, int], list[load.Samples]] = {}
    for _ in range(2):
        for name, count, seconds in (
            ("bare", 1, 8.0),
            ("synchronous", CLIENTS, 6.0),
            ("bare", CLIENTS, 8.0),
            ("Sightline", CLIENTS, 8.0),
            ("Sightline", 1, 5.0),
            ("RQ", CLIENTS, 8.0),
        ):
            samples = await load.closed_loop(make[name](count), seconds=scale.seconds(seconds), warm_up_s=2.0)
            parts.setdefault((name, count), []).append(samples)
            print(f"  {name}, {count} clients: {samples.per_s:.1f}/s", flush=True)
            await _empty(url)
    return _finding({key: load.together(samples) for key, samples in parts.items()})


def _finding(found: dict[tuple[str, int], load.Samples]) -> Finding:
    one, bare, own = found["bare", 1], found["bare", CLIENTS], found["Sightline", CLIENTS]
    synchronous, rq = found["synchronous", CLIENTS], found["RQ", CLIENTS]
    less = 1 - own.quantile_ms(0.99) / synchronous.quantile_ms(0.99)
    order = sorted(found, key=lambda key: (key[1], found[key].per_s))
    table = Table(
        title="gui, chat and ocr mixed, 240 pictures drawn anew",
        columns=["clients", "system", "jobs/s", "p50 ms", "p95 ms", "p99 ms", "failures", "of one at a time",
                 "of bare"],
        rows=[
            [count, name, s.per_s, s.quantile_ms(0.5), s.quantile_ms(0.95), s.quantile_ms(0.99), s.failures,
             ratio(s.per_s, one.per_s), ratio(s.per_s, found["bare", count].per_s)]
            for name, count in order
            for s in [found[name, count]]
        ],
    )  # fmt: skip
    return Finding(
        name="vllm",
        title="Real vLLM on the CPU",
        about="The checkpoint that is shipped, on vLLM's CPU build, without the result cache. Bare: clients that"
        " call the engine themselves, all at once, which is the limit, and one after the other. Platform, engine"
        " and load generator share the cores of this machine.",
        summary=[
            f"{CLIENTS} clients: {ratio(own.per_s, one.per_s)} one at a time, {ratio(own.per_s, synchronous.per_s)}"
            f" the synchronous server (aim 4.6×), {ratio(own.per_s, rq.per_s)} RQ; {own.per_s / bare.per_s:.0%} of"
            f" bare clients (aim 85 %), which have {ratio(bare.per_s, one.per_s)}; p99 {-less:+.0%} of the"
            f" synchronous server's; {own.failures} failures",
        ],
        tables=[table],
        figures={
            **{f"{name}, {count}": s.figures() for (name, count), s in found.items()},
            "over_one_at_a_time": own.per_s / one.per_s,
            "over_synchronous": own.per_s / synchronous.per_s,
            "of_bare": own.per_s / bare.per_s,
        },
        plots=[
            Plot(
                name="vllm",
                title="Real vLLM on the CPU",
                x_label="clients",
                y_label="jobs/s",
                lines={
                    name: ((1, CLIENTS), (found[name, 1].per_s, found[name, CLIENTS].per_s))
                    for name in ("bare", "Sightline")
                },
            )
        ],
    )


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

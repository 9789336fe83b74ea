"""Real vLLM on the CPU with the shipped checkpoint: the platform beside the baselines on the same engine."""

import asyncio
import os
import time
import urllib.request
from collections import Counter
from contextlib import ExitStack

from driver import cpu_time, load, systems, trace, users, workload
from driver.background import Background
from driver.measured import COLUMNS, Measured, less, measure, row, times
from driver.plots import Bars, Figure
from driver.report import Finding, Table
from driver.scale import Scale
from driver.side import BARE, BASE, PLAIN, RQ
from driver.stack import Stack
from driver.systems import System
from driver.trace import Asked

CLIENTS = 32
SEATS = {"gui": 4, "chat": 32, "ocr": 8}
"""A chat for each client: what is measured is one kind."""
PICTURES = 20
PROMPT_WORDS = 40
"""The shipped tokenizer has a token a character: about 256 of them."""
ANSWER_TOKENS = 64
ANSWER = {
    "type": "json_schema",
    "json_schema": {
        "name": "answer",
        "schema": {
            "type": "object",
            "properties": {"text": {"type": "string", "minLength": 52, "maxLength": 52}},
            "required": ["text"],
            "additionalProperties": False,
        },
    },
}
"""Every answer is as long as any other, whatever the shipped weights would say: 63 tokens."""
_POLL_S = 0.1
"""How often a user of RQ asks for its result: often, for its sake."""
_ROUNDS = 2
"""So that a busy moment of the machine strikes all."""


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
            return asyncio.run(_measure(scale, plan.base_url, engine, stack, things))
    finally:
        engine.child.kill()


async def _measure(scale: Scale, url: str, engine: Background, stack: Stack, things: ExitStack) -> Finding:
    requests = trace.Requests(
        workload.screens(PICTURES),
        tokens=PROMPT_WORDS,
        max_tokens=ANSWER_TOKENS,
        more={"response_format": ANSWER},
    )
    own = _sightline(stack, requests)
    bare = systems.bare(url, _bodies(requests))
    base = systems.synchronous(things, scale.folder, url, _bodies(requests))
    rq = systems.rq(things, scale.folder, url, _bodies(requests), poll_s=_POLL_S)
    for system in (bare, own):  # what first requests pay for, here and there
        await load.closed_loop(system.users(CLIENTS), seconds=4.0)
        await _empty(url)
    pids = [process.pid for process in cpu_time.family(engine.pid)]
    parts: dict[tuple[str, int], list[Measured]] = {}
    reused: dict[str, Counter[str]] = {}
    for _ in range(_ROUNDS):
        for system, count, seconds in (
            (bare, 1, 8.0),
            (base, CLIENTS, 8.0),
            (bare, CLIENTS, 10.0),
            (own, CLIENTS, 10.0),
            (own, 1, 8.0),
            (rq, CLIENTS, 8.0),
        ):
            before = _counters(url)
            found = await measure(system, count, engine=pids, seconds=scale.seconds(seconds), warm_up_s=4.0)
            parts.setdefault((system.name, count), []).append(found)
            reused.setdefault(system.name, Counter()).update(_counters(url) - before)
            print(f"  {system.name}, {count} clients: {found.samples.per_s:.1f}/s", flush=True)
            await _empty(url)
    return _finding({key: Measured.together(found) for key, found in parts.items()}, reused)


def _sightline(stack: Stack, requests: trace.Requests) -> System:
    keys, asked = trace.zipf(), Asked()

    def body(key: int) -> bytes:
        return requests.native(key, cache="off")

    return System(
        name=PLAIN,
        users=lambda count: [users.asking_user(stack, keys, body, asked) for _ in range(count)],
        processes=stack.processes,
    )


def _bodies(requests: trace.Requests) -> users.NextBody:
    return map(requests.engine, trace.zipf()).__next__


def _finding(found: dict[tuple[str, int], Measured], reused: dict[str, Counter[str]]) -> Finding:
    one, bare, own = found[BARE, 1], found[BARE, CLIENTS], found[PLAIN, CLIENTS]
    base, rq = found[BASE, CLIENTS], found[RQ, CLIENTS]
    many = {name: found[name, CLIENTS] for name in (BASE, RQ, PLAIN, BARE)}
    table = Table(
        title="Real vLLM on the CPU, a 1080p image and a 256-token prompt",
        columns=["clients", "system", *(name for name in COLUMNS if not name.startswith("GPU")), "of synchronous",
                 "of bare clients"],
        rows=[
            [count, name, *_row(it), times(it, base), times(it, found[BARE, count])]
            for (name, count), it in sorted(found.items(), key=lambda item: (item[0][1], item[1].samples.per_s))
        ],
    )  # fmt: skip
    costs = Table(
        title=f"CPU-ms a job, {CLIENTS} clients",
        columns=["system", "engine", "users", "between them, by process"],
        rows=[
            [name, *(f"{ms / it.jobs:.1f}" for ms in it.ends_cpu_ms.values()),
             ", ".join(f"{part} {ms / it.jobs:.1f}" for part, ms in it.cpu_ms.items()) or "–"]
            for name, it in many.items()
        ],
    )  # fmt: skip
    return Finding(
        name="vllm",
        title="Real vLLM on the CPU",
        about="The checkpoint that is shipped, on vLLM's CPU build, without the result cache: a 1080p JPEG, which the"
        " model sees with the pixels that it was trained for, and a prompt of 256 tokens, the same to all;"
        f" answers of {_mean_tokens(reused[PLAIN]):.0f} tokens, by a JSON schema."
        " Bare clients call the engine themselves, which is the limit. Platform, engine and load generator share the"
        " cores of this machine, so what the platform uses of them the engine lacks.",
        summary=[
            f"{CLIENTS} clients: {times(own, base)} the synchronous server (aim 4.6×), {times(own, rq)} RQ,"
            f" {times(own, one)} one bare client; {own.samples.per_s / bare.samples.per_s:.0%} of bare clients"
            f" (aim 85 %), which have {times(bare, base)}; p99 {less(own, base)} (aim −67 %);"
            f" {own.samples.failures} failures",
            f"the engine's own caches: {_share(reused[PLAIN], 'prefix_cache'):.0%} of Sightline's prompt tokens and"
            f" {_share(reused[PLAIN], 'mm_cache'):.0%} of its images were there already; bare clients:"
            f" {_share(reused[BARE], 'prefix_cache'):.0%} and {_share(reused[BARE], 'mm_cache'):.0%}",
        ],
        tables=[table, costs],
        figures={
            **{f"{name}, {count}": it.figures() for (name, count), it in found.items()},
            "over_synchronous": own.samples.per_s / base.samples.per_s,
            "of_bare": own.samples.per_s / bare.samples.per_s,
        },
        plots=[
            Figure(
                name="vllm",
                title=f"Real vLLM on the CPU, {CLIENTS} clients",
                panels=[
                    Bars(
                        title="Throughput",
                        y_label="jobs/s",
                        labels=list(many),
                        parts={"jobs/s": [it.samples.per_s for it in many.values()]},
                    ),
                    Bars(
                        title="Latency",
                        y_label="s",
                        labels=list(many),
                        parts={
                            name: [it.samples.quantile_ms(q) / 1000 for it in many.values()]
                            for name, q in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))
                        },
                        stacked=False,
                    ),
                    Bars(
                        title="CPU a job",
                        y_label="CPU-ms",
                        labels=list(many),
                        parts={
                            part: [
                                {**it.ends_cpu_ms, "between": sum(it.cpu_ms.values())}[part] / it.jobs
                                for it in many.values()
                            ]
                            for part in ("engine", "between", "users")
                        },
                    ),
                ],
                published=True,
            )
        ],
        headline=table,
    )


def _row(found: Measured) -> list[str | int | float]:
    return [cell for name, cell in zip(COLUMNS, row(found), strict=True) if not name.startswith("GPU")]


async def _empty(url: str) -> None:
    """Wait until the engine has dropped what the last window left aboard."""
    until = time.monotonic() + 10
    while time.monotonic() < until:
        found = _counters(url)
        if not found["num_requests_running"] + found["num_requests_waiting"]:
            return
        await asyncio.sleep(0.3)


def _mean_tokens(counted: Counter[str]) -> float:
    """Of an answer."""
    return counted["generation_tokens_total"] / max(1, counted["request_success_total"])


def _share(counted: Counter[str], cache: str) -> float:
    """Hits of one of the engine's caches among what was looked up in it."""
    return counted[f"{cache}_hits_total"] / max(1, counted[f"{cache}_queries_total"])


def _counters(url: str) -> Counter[str]:
    """Whole numbers on the engine's page of metrics, by name without `vllm:`."""
    with urllib.request.urlopen(f"{url}/metrics", timeout=10) as response:
        lines = response.read().decode().splitlines()
    found: Counter[str] = Counter()
    for line in lines:
        if line.startswith("vllm:") and "_bucket{" not in line:
            found[line[5:].partition("{")[0]] += int(float(line.rsplit(" ", 1)[1]))
    return found

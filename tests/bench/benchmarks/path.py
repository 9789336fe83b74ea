"""The full path against an engine that takes no time: what Sightline itself adds, and what it costs."""

import asyncio
import time

from driver import cpu_time, load, users, workload
from driver.plots import Bars, Figure, Lines
from driver.report import Finding, Table
from driver.scale import Scale
from driver.stack import Stack
from driver.twin import Twin

CLIENTS = (1, 16, 64)
PARTS = ("web", "worker", "redis", "sweeper", "group")


def run(scale: Scale) -> Finding:
    with (
        Twin(scale.folder / "engine", profile="instant", max_num_seqs=256) as twin,
        Stack(scale.folder / "platform") as stack,
    ):
        stack.group(engine_url=twin.url)
        stack.workers_listen("gpu0")
        return asyncio.run(_measure(scale, twin, stack))


async def _measure(scale: Scale, twin: Twin, stack: Stack) -> Finding:
    screen = workload.screens(1)[0]
    upload_id = await users.upload(stack, screen)
    text = [workload.chat(None, seed=seed) for seed in range(50)]
    shown = [workload.chat(screen, seed=seed) for seed in range(50)]
    forms = {
        "text only": ([t.engine("default") for t in text], [t.native() for t in text]),
        "1080p by upload id": ([t.engine("default") for t in shown], [t.native(upload_id) for t in shown]),
        "1080p inline": ([t.engine("default") for t in shown], [t.native() for t in shown]),
    }
    rows, added = [], {}
    for name, (direct_bodies, bodies) in forms.items():
        direct, full = await _in_turn(
            users.bare_user(twin.url, users.in_turn(direct_bodies)),
            users.waiting_user(stack, users.in_turn(bodies)),
            scale.count(300),
        )
        added[name] = {
            f"p{q}_ms": load.quantile(full, q / 100) - load.quantile(direct, q / 100) for q in (50, 99)
        }
        rows.append(
            [name, *(load.quantile(direct, q) for q in (0.5, 0.99)), *(load.quantile(full, q) for q in (0.5, 0.99)),
             added[name]["p50_ms"], added[name]["p99_ms"]]
        )  # fmt: skip
    bodies = forms["1080p by upload id"][1]
    throughput, costs = {}, {}
    for clients in CLIENTS:
        throughput[clients], costs[clients] = await _loaded(scale, stack, bodies, clients)
    await asyncio.sleep(2.0)  # what the last clients left aboard ends
    idle = await _idle(scale, stack)
    busiest = costs[16]
    latency = Table(
        title="Latency of one client, ms",
        columns=["payload", "direct p50", "direct p99", "full p50", "full p99", "added p50", "added p99"],
        rows=rows,
    )
    loads = Table(
        title="1080p by upload id, clients that wait for their result",
        columns=["clients", "jobs/s", "p50 ms", "p99 ms", "failures", "CPU-ms a job", *PARTS],
        rows=[
            [n, s.per_s, s.quantile_ms(0.5), s.quantile_ms(0.99), s.failures,
             sum(costs[n].values()), *(costs[n][part] for part in PARTS)]
            for n, s in throughput.items()
        ],
    )  # fmt: skip
    headline = added["1080p by upload id"]
    return Finding(
        name="path",
        title="The full path against the twin",
        about="HTTP keep-alive, `POST /api/v1/jobs` with `Prefer: wait`, against the same request sent straight to"
        " the engine; the engine takes no time. CPU is that of all processes but the engine and the load generator"
        f" (idle, they use {sum(idle.values()):.0f} CPU-ms a second).",
        summary=[
            f"added latency p50 {headline['p50_ms']:.1f} ms (aim ≤ 15), p99 {headline['p99_ms']:.1f} ms",
            "jobs/s " + ", ".join(f"{s.per_s:.0f} at {n}" for n, s in throughput.items()) + " clients",
            f"CPU a job {sum(busiest.values()):.1f} ms at 16 clients (aim ≤ 8): "
            + ", ".join(f"{part} {busiest[part]:.1f}" for part in PARTS),
        ],
        tables=[latency, loads],
        figures={
            "added": added,
            "throughput": {str(n): s.figures() for n, s in throughput.items()},
            "cpu_ms_a_job": {str(n): {**costs[n], "total": sum(costs[n].values())} for n in CLIENTS},
            "idle_cpu_ms_a_second": idle,
        },
        plots=[
            Figure(
                name="path",
                title="Full path on an engine that takes no time",
                panels=[
                    Lines(
                        title="Throughput",
                        x_label="clients",
                        y_label="jobs/s",
                        lines={"Sightline": (CLIENTS, [throughput[n].per_s for n in CLIENTS])},
                    ),
                    Bars(
                        title="CPU a job",
                        y_label="CPU-ms",
                        labels=[f"{n} clients" for n in CLIENTS],
                        parts={part: [costs[n][part] for n in CLIENTS] for part in PARTS},
                    ),
                ],
            )
        ],
    )


async def _in_turn(direct: load.User, full: load.User, count: int) -> tuple[list[float], list[float]]:
    """Latencies in ms of two ways, taken alternately so that a busy moment strikes both."""
    found: tuple[list[float], list[float]] = ([], [])
    for number in range(count + 5):
        for user, kept in zip((direct, full), found, strict=True):
            began = time.monotonic()
            if not await user():
                raise RuntimeError("a job of the benchmark failed")
            if number >= 5:
                kept.append((time.monotonic() - began) * 1000)
    return found


async def _loaded(
    scale: Scale, stack: Stack, bodies: list[bytes], clients: int
) -> tuple[load.Samples, dict[str, float]]:
    processes = stack.processes()
    readings: list[cpu_time.CpuReading] = []
    crowd = [users.waiting_user(stack, users.in_turn(bodies, start=n)) for n in range(clients)]
    samples = await load.closed_loop(
        crowd,
        seconds=scale.seconds(8),
        warm_up_s=1.0,
        on_window=lambda: readings.append(cpu_time.read(processes)),
    )
    used = readings[1].since(readings[0])
    return samples, {part: used[part] / max(1, len(samples.latencies_ms)) for part in PARTS}


async def _idle(scale: Scale, stack: Stack) -> dict[str, float]:
    """CPU-ms a second while nothing happens."""
    seconds, processes = scale.seconds(4), stack.processes()
    before = cpu_time.read(processes)
    await asyncio.sleep(seconds)
    return {part: ms / seconds for part, ms in cpu_time.read(processes).since(before).items()}

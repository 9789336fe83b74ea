"""Sightline beside what people run otherwise, on the same engine with the same requests in the same run."""

import asyncio
from contextlib import ExitStack

from driver import load, systems, users, workload
from driver.report import Finding, Plot, Table, ratio
from driver.scale import Scale
from driver.stack import Stack
from driver.twin import Twin

SPEED = {"published": 8.0, "batching": 3.0}
"""How many times faster than published the twin runs, so that a run stays short. The platform's own time is not
scaled, so the figures are worse for it than on the real card."""
ALONE_PER_S = 3.2
"""Requests a second that both profiles do one at a time, before the speed."""
RQ_EACH_S = 0.1
"""What RQ takes about for a job beside the engine, for the length of its windows: it forks."""
USERS = (1, 16, 100, 120)
QUICK_USERS = (1, 100, 120)
NOT_MEASURED = {("RQ", 16), ("RQ", 100)}
"""Its windows are the longest, and 120 users say the same."""
SYSTEMS = ("synchronous", "RQ", "Sightline", "bare")
AIM = {"published": 2.0, "batching": 4.6}
_POLL_S = 0.5
"""How often a user of RQ asks for its result, at the engine's own speed."""

Found = dict[str, dict[int, load.Samples]]


def run(scale: Scale) -> Finding:
    found = {profile: asyncio.run(_profile(scale, profile)) for profile in SPEED}
    tables, summary, plots = [], [], []
    for profile, by_system in found.items():
        rows = []
        for count in QUICK_USERS if scale.quick else USERS:
            base = by_system["synchronous"][count]
            limit = by_system["bare"][count]
            for name in SYSTEMS:
                if count not in by_system[name]:
                    continue
                s = by_system[name][count]
                rows.append(
                    [count, name, s.per_s, s.quantile_ms(0.5), s.quantile_ms(0.95), s.quantile_ms(0.99), s.failures,
                     ratio(s.per_s, base.per_s), ratio(s.per_s, limit.per_s)]
                )  # fmt: skip
        tables.append(
            Table(
                title=f"Profile `{profile}`, {SPEED[profile]:g} times its speed",
                columns=["users", "system", "jobs/s", "p50 ms", "p95 ms", "p99 ms", "failures", "of synchronous",
                         "of bare"],
                rows=rows,
            )
        )  # fmt: skip
        for count in (100, 120):
            own, base, bare = (by_system[name][count] for name in ("Sightline", "synchronous", "bare"))
            less = 1 - own.quantile_ms(0.99) / base.quantile_ms(0.99)
            summary.append(
                f"{profile}, {count} users: {ratio(own.per_s, base.per_s)} synchronous (aim {AIM[profile]}×),"
                f" {ratio(own.per_s, by_system['RQ'][120].per_s)} RQ, {ratio(own.per_s, bare.per_s)} bare (aim 0.85×),"
                f" p99 {-less:+.0%} (aim −67 %), {own.failures} failures"
            )
        plots += [_plot(profile, by_system, what) for what in ("jobs/s", "p99 ms")]
    return Finding(
        name="baselines",
        title="Beside the baselines",
        about="A synchronous web server that handles one request at a time; RQ with one worker and results that are"
        " polled; Sightline; bare concurrent clients, which are the limit. Each user sends a chat job of a 1080p"
        " JPEG and a 256-token prompt when its last one ended. Latencies are those of the sped-up engine.",
        summary=summary,
        tables=tables,
        figures={
            profile: {name: {str(n): s.figures() for n, s in by.items()} for name, by in systems.items()}
            for profile, systems in found.items()
        },
        plots=plots,
    )


async def _profile(scale: Scale, profile: str) -> Found:
    speed = SPEED[profile]
    folder = scale.folder / profile
    folder.mkdir()
    with ExitStack() as things:
        twin = things.enter_context(Twin(folder, profile=profile, speed=speed, max_num_seqs=160))
        stack = things.enter_context(Stack(folder / "platform"))
        stack.group(engine_url=twin.url)
        stack.workers_listen("gpu0")
        pictures = workload.screens(20)
        tasks = [workload.chat(pictures[seed % len(pictures)], seed=seed) for seed in range(60)]
        bare, native = [task.plain("default") for task in tasks], [task.native() for task in tasks]
        for picture in pictures:  # known pictures: intake has a benchmark of its own
            await users.upload(stack, picture)
        make: dict[str, systems.MakeUsers] = {
            "synchronous": systems.synchronous(things, folder, twin.url, bare),
            "RQ": systems.rq(things, folder, twin.url, bare, poll_s=_POLL_S / speed),
            "Sightline": lambda count: [users.waiting_user(stack, native, start=n) for n in range(count)],
            "bare": lambda count: [users.bare_user(twin.url, bare, start=n) for n in range(count)],
        }
        await load.closed_loop(
            make["Sightline"](16), seconds=3.0
        )  # threads and caches that first jobs pay for
        found: Found = {name: {} for name in SYSTEMS}
        for name in SYSTEMS:
            for count in QUICK_USERS if scale.quick else USERS:
                if (name, count) in NOT_MEASURED:
                    continue
                found[name][count] = await _window(scale, make[name](count), name, count, speed)
                print(f"  {profile}: {name}, {count} users: {found[name][count].per_s:.1f}/s", flush=True)
                await _quiet(twin)
        return found


async def _window(scale: Scale, crowd: list[load.User], name: str, count: int, speed: float) -> load.Samples:
    """One round to fill the queue, then most of a second one: latencies count from then on."""
    each_s = {"synchronous": 1 / (ALONE_PER_S * speed), "RQ": 1 / (ALONE_PER_S * speed) + RQ_EACH_S}.get(
        name, 0.0
    )
    round_s = count * each_s
    if scale.quick:
        return await load.closed_loop(crowd, seconds=max(3.0, round_s / 3), warm_up_s=max(2.0, round_s / 3))
    return await load.closed_loop(crowd, seconds=max(6.0, 0.8 * round_s), warm_up_s=max(3.0, round_s))


async def _quiet(twin: Twin) -> None:
    """What the last window left in queues must not count in the next one."""
    last = -1
    loop = asyncio.get_running_loop()
    began = since = loop.time()
    while loop.time() - began < 30 and loop.time() - since < 0.7:
        log = twin.requests()
        number = log[-1]["number"] if log else 0
        if number != last or any(r["finished"] is None for r in log[-200:]):
            last, since = number, loop.time()
        await asyncio.sleep(0.1)


def _plot(profile: str, by_system: Found, what: str) -> Plot:
    def value(samples: load.Samples) -> float:
        return samples.per_s if what == "jobs/s" else samples.quantile_ms(0.99)

    return Plot(
        name=f"baselines-{profile}-{'throughput' if what == 'jobs/s' else 'p99'}",
        title=f"Profile {profile}, {SPEED[profile]:g}× its speed",
        x_label="users",
        y_label=what,
        lines={name: (list(by), [value(s) for s in by.values()]) for name, by in by_system.items()},
        logarithmic=what != "jobs/s",
    )

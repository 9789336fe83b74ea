"""Sightline beside what people run otherwise, on the same engine with the same requests in the same run."""

import asyncio
import json
import os
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from driver import load, users, workload
from driver.background import Background, python
from driver.http_client import HttpClient
from driver.report import Finding, Plot, Table, ratio
from driver.scale import Scale
from driver.stack import Stack
from driver.twin import Twin

from sightline import embedded_redis

SPEED = {"published": 8.0, "batching": 3.0}
"""How many times faster than published the twin runs, so that a run stays short. The platform's own time is not
scaled, so the figures are worse for it than on the real card."""
ALONE_PER_S = 3.2
"""Requests a second that both profiles do one at a time, before the speed."""
RQ_EACH_S = 0.1
"""What RQ takes about for a job beside the engine, for the length of its windows: it forks."""
USERS = (1, 16, 100, 120)
NOT_MEASURED = {("RQ", 100)}
"""Its windows are the longest, and 120 users say the same."""
SYSTEMS = ("synchronous", "RQ", "Sightline", "bare")
AIM = {"published": 2.0, "batching": 4.6}
_FOLDER = Path(__file__).resolve().parents[1] / "baselines"
_POLL_S = 0.5
_MOST_POLLS_PER_S = 150.0

MakeUsers = Callable[[int], list[load.User]]
Found = dict[str, dict[int, load.Samples]]


def run(scale: Scale) -> Finding:
    found = {profile: asyncio.run(_profile(scale, profile)) for profile in SPEED}
    tables, summary, plots = [], [], []
    for profile, systems in found.items():
        rows = []
        for count in USERS:
            base = systems["synchronous"][count]
            limit = systems["bare"][count]
            for name in SYSTEMS:
                if count not in systems[name]:
                    continue
                s = systems[name][count]
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
            own, base, bare = (systems[name][count] for name in ("Sightline", "synchronous", "bare"))
            less = 1 - own.quantile_ms(0.99) / base.quantile_ms(0.99)
            summary.append(
                f"{profile}, {count} users: {ratio(own.per_s, base.per_s)} synchronous (aim {AIM[profile]}×),"
                f" {ratio(own.per_s, systems['RQ'][120].per_s)} RQ, {ratio(own.per_s, bare.per_s)} bare (aim 0.85×),"
                f" p99 {-less:+.0%} (aim −67 %), {own.failures} failures"
            )
        plots += [_plot(profile, systems, what) for what in ("jobs/s", "p99 ms")]
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
        bare, native = [task.engine("default") for task in tasks], [task.native() for task in tasks]
        for picture in pictures:  # known pictures: intake has a benchmark of its own
            await users.upload(stack, picture)
        make: dict[str, MakeUsers] = {
            "synchronous": _synchronous(things, folder, twin.url, bare),
            "RQ": _rq(things, folder, twin.url, bare, speed),
            "Sightline": lambda count: [users.waiting_user(stack, native, start=n) for n in range(count)],
            "bare": lambda count: [users.bare_user(twin.url, bare, start=n) for n in range(count)],
        }
        found: Found = {name: {} for name in SYSTEMS}
        for name in SYSTEMS:
            for count in USERS:
                if (name, count) in NOT_MEASURED:
                    continue
                found[name][count] = await _window(scale, make[name](count), name, count, speed)
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


def _synchronous(things: ExitStack, folder: Path, engine: str, bodies: list[bytes]) -> MakeUsers:
    server = _background(things, folder, "synchronous_server", engine)
    url = server.told(r"listening on (http://\S+)")
    return lambda count: [users.bare_user(url, bodies, start=n) for n in range(count)]


def _rq(things: ExitStack, folder: Path, engine: str, bodies: list[bytes], speed: float) -> MakeUsers:
    socket = folder / "rq-redis" / "redis.sock"
    redis = Background(
        name="rq-redis", argv=embedded_redis.argv(folder=socket.parent, socket=socket), folder=folder, env={}
    )
    redis.start()
    things.callback(redis.child.kill)
    while not embedded_redis.answers(socket):
        time.sleep(0.02)
    server = _background(things, folder, "rq_server", str(socket), engine)
    _background(things, folder, "rq_worker", str(socket)).told(r"(ready)")
    url = server.told(r"listening on (http://\S+)")

    def make(count: int) -> list[load.User]:
        from redis import Redis

        with Redis(unix_socket_path=str(socket)) as connection:
            connection.delete("rq:queue:bench")  # what the last window left
        # Scaled as the engine is, but many users must not poll the machine to a standstill.
        pause_s = max(_POLL_S / speed, count / _MOST_POLLS_PER_S)
        return [_polling_user(url, bodies[n % len(bodies)], pause_s) for n in range(count)]

    return make


def _polling_user(url: str, body: bytes, pause_s: float) -> load.User:
    client = HttpClient(url)

    async def user() -> bool:
        answer = await client.request("POST", "/jobs", body)
        job = json.loads(answer.body)["id"]
        while True:
            await asyncio.sleep(pause_s)
            state = json.loads((await client.request("GET", f"/jobs/{job}")).body)
            if state["status"] in ("finished", "failed", "stopped", "canceled"):
                return bool(state["status"] == "finished")

    return user


def _background(things: ExitStack, folder: Path, script: str, *arguments: str) -> Background:
    env = {**os.environ, "PYTHONPATH": str(_FOLDER)}
    background = Background(
        name=script, argv=python(str(_FOLDER / f"{script}.py"), *arguments), folder=folder, env=env
    )
    background.start()
    things.callback(background.child.kill)
    return background


def _plot(profile: str, systems: Found, what: str) -> Plot:
    def value(samples: load.Samples) -> float:
        return samples.per_s if what == "jobs/s" else samples.quantile_ms(0.99)

    return Plot(
        name=f"baselines-{profile}-{'throughput' if what == 'jobs/s' else 'p99'}",
        title=f"Profile {profile}, {SPEED[profile]:g}× its speed",
        x_label="users",
        y_label=what,
        lines={name: (list(by), [value(s) for s in by.values()]) for name, by in systems.items()},
        logarithmic=what != "jobs/s",
    )

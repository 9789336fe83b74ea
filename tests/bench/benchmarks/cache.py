"""The exact cache on a Zipf trace: how much of it the engine never sees, and what that is worth."""

import asyncio
import bisect
import itertools
import json
import random
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field

from driver import load, systems, users, workload
from driver.report import Finding, Plot, Table, ratio
from driver.scale import Scale
from driver.stack import Stack
from driver.twin import Twin

KEYS, EXPONENT, NEVER_REPEATED = 20_000, 1.1, 0.06
"""The trace: requests by Zipf's law, and a share that nobody ever asks again."""
SPEED = {"published": 5.0, "batching": 2.0}
"""How many times faster than published the twin runs."""
USERS = (100, 120)
AIM = {"published": 4.6, "batching": 10.0}
WARM_UP_S = 20.0


@dataclass
class Sent:
    """What became of the requests of a trace."""

    keys: list[int] = field(default_factory=list)
    """In the order in which they were sent."""
    served: Counter[str] = field(default_factory=Counter)
    """By where their answers came from: engine, cache, coalesced."""


def run(scale: Scale) -> Finding:
    found = {profile: asyncio.run(_profile(scale, profile)) for profile in SPEED}
    rows, summary = [], []
    for profile, (base, windows, tiers) in found.items():
        rows.append([profile, "synchronous", USERS[-1], base.per_s, base.quantile_ms(0.5), base.quantile_ms(0.99),
                     base.failures, "100 %", "–", "1.00×"])  # fmt: skip
        for count, (samples, share, best) in windows.items():
            rows.append(
                [profile, "Sightline", count, samples.per_s, samples.quantile_ms(0.5), samples.quantile_ms(0.99),
                 samples.failures, f"{share:.0%}", f"{best:.0%}", ratio(samples.per_s, base.per_s)]
            )  # fmt: skip
            less = 1 - samples.quantile_ms(0.99) / base.quantile_ms(0.99)
            summary.append(
                f"{profile}, {count} users: {ratio(samples.per_s, base.per_s)} synchronous (aim {AIM[profile]}×), p99"
                f" {-less:+.0%} (aim −67 %), {share:.0%} of the requests reached the engine (at best {best:.0%}),"
                f" {samples.failures} failures"
            )
        asked = sum(tiers.values()) or 1
        summary.append(
            f"{profile}, tiers over the whole run: "
            + ", ".join(f"{name} {tiers[name] / asked:.0%}" for name in ("l1", "l2", "coalesced", "miss"))
        )
    return Finding(
        name="cache",
        title="The exact cache on a Zipf trace",
        about=f"Chat jobs of a 1080p JPEG and a 256-token prompt at temperature 0, {KEYS:,} different ones by Zipf's"
        f" law (s = {EXPONENT}) and {NEVER_REPEATED:.0%} that never come again; the cache is empty at first, and the"
        f" windows follow {WARM_UP_S:.0f} s of the same trace. The synchronous server has no cache. At best: only a"
        " request that was not asked before reaches the engine.",
        summary=summary,
        tables=[
            Table(
                title="Twins, " + ", ".join(f"`{name}` at {speed:g}×" for name, speed in SPEED.items()),
                columns=["profile", "system", "users", "jobs/s", "p50 ms", "p99 ms", "failures", "engine calls",
                         "at best", "of synchronous"],
                rows=rows,
            )
        ],
        figures={
            profile: {
                "synchronous": base.figures(),
                "tiers": dict(tiers),
                **{
                    str(count): {**samples.figures(), "engine_share": share, "best_share": best}
                    for count, (samples, share, best) in windows.items()
                },
            }
            for profile, (base, windows, tiers) in found.items()
        },
        plots=[
            Plot(
                name=f"cache-{profile}",
                title=f"Zipf trace, profile {profile}, {SPEED[profile]:g}× its speed",
                x_label="users",
                y_label="jobs/s",
                lines={
                    "synchronous": (USERS, [base.per_s] * len(USERS)),
                    "Sightline, cached": (USERS, [windows[count][0].per_s for count in USERS]),
                },
            )
            for profile, (base, windows, _) in found.items()
        ],
    )  # fmt: skip


Window = tuple[load.Samples, float, float]
"""Samples, the share of requests that reached the engine, and the least share that could have."""


async def _profile(scale: Scale, profile: str) -> tuple[load.Samples, dict[int, Window], Counter[str]]:
    speed = SPEED[profile]
    folder = scale.folder / profile
    folder.mkdir()
    with ExitStack() as things:
        twin = things.enter_context(Twin(folder, profile=profile, speed=speed, max_num_seqs=160))
        settings = {"SIGHTLINE_CACHE": "true"}
        stack = things.enter_context(Stack(folder / "platform", settings=settings))
        stack.group(engine_url=twin.url)
        stack.workers_listen("gpu0")
        pictures = workload.screens(20)
        uploads = [await users.upload(stack, picture) for picture in pictures]

        def task(key: int) -> workload.Task:
            picture = pictures[key % len(pictures)]
            return workload.chat(picture, seed=key, more={"temperature": 0})

        bodies = [task(key).plain("default") for key in range(40)]
        make = systems.synchronous(things, folder, twin.url, bodies)
        round_s = USERS[-1] / (3.2 * speed)
        base = await load.closed_loop(
            make(USERS[-1]),
            seconds=scale.seconds(0.8 * round_s),
            warm_up_s=0.3 * round_s if scale.quick else round_s,
        )
        print(f"  {profile}: synchronous {base.per_s:.1f}/s", flush=True)
        keys, sent = trace(), Sent()
        windows: dict[int, Window] = {}
        for count in USERS:
            crowd = [
                _user(stack, keys, sent, lambda key: task(key).native(uploads[key % len(uploads)]))
                for _ in range(count)
            ]
            windows[count] = await _window(scale, crowd, sent)
            print(f"  {profile}: Sightline, {count} users: {windows[count][0].per_s:.1f}/s", flush=True)
        return base, windows, _tiers(stack)


async def _window(scale: Scale, crowd: list[load.User], sent: Sent) -> Window:
    """Filled by the trace first, or since the last window."""
    opened: list[tuple[int, Counter[str]]] = []
    samples = await load.closed_loop(
        crowd,
        seconds=scale.seconds(10),
        warm_up_s=3.0 if sent.keys else scale.seconds(WARM_UP_S),
        on_window=lambda: opened.append((len(sent.keys), Counter(sent.served))),
    )
    (first, before), (last, after) = opened
    served = after - before
    fresh = set(sent.keys[first:last]) - set(sent.keys[:first])
    return samples, served["engine"] / max(1, served.total()), len(fresh) / max(1, last - first)


def trace(seed: int = 1) -> Iterator[int]:
    """Keys without end."""
    chance = random.Random(seed)
    weights = itertools.accumulate(rank**-EXPONENT for rank in range(1, KEYS + 1))
    sums = list(weights)
    alone = itertools.count(KEYS)
    while True:
        if chance.random() < NEVER_REPEATED:
            yield next(alone)
        else:
            yield bisect.bisect_left(sums, chance.random() * sums[-1])


def _user(stack: Stack, keys: Iterator[int], sent: Sent, body: Callable[[int], bytes]) -> load.User:
    client = stack.client()

    async def user() -> bool:
        key = next(keys)
        sent.keys.append(key)
        answer = await client.request("POST", users.JOBS, body(key), more="Prefer: wait=300\r\n")
        if answer.status != 200:
            return False
        job = json.loads(answer.body)
        sent.served[job["served_from"]] += 1
        return bool(job["status"] in ("succeeded", "incomplete"))

    return user


def _tiers(stack: Stack) -> Counter[str]:
    """Submissions by what the cache had for them, as /metrics counts them."""
    key = stack.command("keys", "create", "metrics", "--scopes", "read,admin").strip()
    request = urllib.request.Request(f"{stack.url}/metrics", headers={"Authorization": f"Bearer {key}"})
    with urllib.request.urlopen(request, timeout=10) as response:
        page = response.read().decode()
    found: Counter[str] = Counter()
    for line in page.splitlines():
        if line.startswith("sightline_cache_total{"):
            outcome = line.partition('outcome="')[2].partition('"')[0]
            found[outcome] += int(float(line.rsplit(" ", 1)[1]))
    return found

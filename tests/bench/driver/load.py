"""Closed- and open-loop load: users that send one job after the other, and arrivals at a rate."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

User = Callable[[], Awaitable[bool]]
"""Does one job; True when it ended well."""


@dataclass(kw_only=True)
class Samples:
    """What a window of load saw."""

    seconds: float
    latencies_ms: list[float] = field(default_factory=list)
    """Of the jobs that ended well within the window."""
    failures: int = 0

    @property
    def per_s(self) -> float:
        """Jobs that ended well, a second."""
        return len(self.latencies_ms) / self.seconds

    def quantile_ms(self, q: float) -> float:
        return quantile(self.latencies_ms, q)

    def figures(self) -> dict[str, float]:
        return {
            "jobs_per_s": round(self.per_s, 2),
            "p50_ms": round(self.quantile_ms(0.50), 2),
            "p95_ms": round(self.quantile_ms(0.95), 2),
            "p99_ms": round(self.quantile_ms(0.99), 2),
            "jobs": len(self.latencies_ms),
            "failures": self.failures,
        }


def together(parts: Sequence[Samples]) -> Samples:
    """Several windows as one."""
    return Samples(
        seconds=sum(part.seconds for part in parts),
        latencies_ms=[ms for part in parts for ms in part.latencies_ms],
        failures=sum(part.failures for part in parts),
    )


def quantile(values: Sequence[float], q: float) -> float:
    """The nearest-rank quantile; NaN of nothing."""
    if not values:
        return float("nan")
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(q * len(ordered)))]


async def closed_loop(
    users: Sequence[User],
    *,
    seconds: float,
    warm_up_s: float = 0.5,
    on_window: Callable[[], Any] | None = None,
    drain: bool = False,
) -> Samples:
    """Every user sends its next job when the last one ended. Counts what ends inside the window.

    The users start one after the other over the first half of the warm-up: started at once they would stay in
    step, and a window would count whole batches.
    `on_window` is called when the window opens and again when it closes. `drain`: what is aboard then is waited for
    and counts nowhere; without, it is given up.
    """
    opens = time.monotonic() + warm_up_s
    closes = opens + seconds
    samples = Samples(seconds=seconds)

    async def run(user: User, place: float) -> None:
        await asyncio.sleep(place * warm_up_s / 2)
        while (began := time.monotonic()) < closes:
            well = await _attempt(user)
            ended = time.monotonic()
            if opens <= ended <= closes:
                if well:
                    samples.latencies_ms.append((ended - began) * 1000)
                else:
                    samples.failures += 1
            if not well:
                await asyncio.sleep(0.01)

    tasks = [asyncio.create_task(run(user, number / len(users))) for number, user in enumerate(users)]
    await asyncio.sleep(max(0.0, opens - time.monotonic()))
    if on_window is not None:
        on_window()
    await asyncio.sleep(max(0.0, closes - time.monotonic()))
    if on_window is not None:
        on_window()
    for task in tasks if not drain else ():
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return samples


async def open_loop(make_user: Callable[[], User], *, per_s: float, seconds: float, seed: int = 1) -> Samples:
    """Jobs arrive at random moments (Poisson) whatever the server does; all of them are waited for."""
    chance = random.Random(seed)
    samples = Samples(seconds=seconds)
    idle: list[User] = []
    tasks: list[asyncio.Task[None]] = []
    closes = time.monotonic() + seconds

    async def one() -> None:
        user = idle.pop() if idle else make_user()
        began = time.monotonic()
        if await _attempt(user):
            samples.latencies_ms.append((time.monotonic() - began) * 1000)
        else:
            samples.failures += 1
        idle.append(user)

    due = time.monotonic()
    while due < closes:
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        tasks.append(asyncio.create_task(one()))
        due += chance.expovariate(per_s)
    await asyncio.gather(*tasks)
    return samples


async def _attempt(user: User) -> bool:
    try:
        return await user()
    except OSError:
        return False

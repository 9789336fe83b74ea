"""Jobs that arrive at a rate, whatever the server does with those before: how long they take.

A closed loop is kind to a slow server, since its users wait with their next job; these do not.
"""

import asyncio
from contextlib import ExitStack
from dataclasses import dataclass, field

from driver import load, workload
from driver.plots import Figure, Lines
from driver.report import Finding, Table
from driver.scale import Scale
from driver.side import BARE, BASE, CACHED, PLAIN, Side
from driver.systems import System
from driver.trace import Asked
from driver.twin import Twin

BASE_RATES = (1.5, 2.5, 3.0)
"""A second; beyond 3.2 the queue of a server that goes to the engine one by one grows without end."""
RATES = {"published": (1.5, 3.0, 4.5, 6.0, 7.0), "batching": (1.5, 3.0, 8.0, 14.0, 20.0, 25.0)}
CACHED_RATES = {"published": (1.5, 3.0, 6.0, 10.0, 15.0), "batching": (1.5, 3.0, 8.0, 20.0, 30.0, 40.0)}
"""The engine of `published` does 7.4 a second at most, that of `batching` 26."""
SECONDS, BASE_SECONDS = 15.0, 40.0
"""Of a window; longer where few jobs arrive."""
FILL, FILL_SPEED = 4000, 50.0


@dataclass
class Arrivals:
    """What was found on one profile, by system and rate."""

    side: Side
    found: dict[str, dict[float, load.Samples]] = field(default_factory=dict)


def run(scale: Scale) -> Finding:
    with ExitStack() as things:
        pictures = workload.screens(20)
        sides = [Arrivals(Side.start(things, scale.folder / name, name, pictures)) for name in RATES]
        asyncio.run(_measure(scale, sides))
    return _finding(sides)


async def _measure(scale: Scale, sides: list[Arrivals]) -> None:
    for step in (_synchronous, _plain, _bare, _cached):
        await asyncio.gather(*(step(scale, one) for one in sides))


async def _synchronous(scale: Scale, one: Arrivals) -> None:
    await _rates(scale, one, one.side.synchronous, BASE_RATES, one.side.synchronous_twin)


async def _plain(scale: Scale, one: Arrivals) -> None:
    await load.closed_loop(one.side.plain(Asked()).users(16), seconds=3.0)  # what first jobs pay for
    await one.side.twin.quiet()
    await _rates(scale, one, one.side.plain(Asked()), RATES[one.side.profile], one.side.twin)


async def _bare(scale: Scale, one: Arrivals) -> None:
    await _rates(scale, one, one.side.bare(), RATES[one.side.profile], one.side.twin)


async def _cached(scale: Scale, one: Arrivals) -> None:
    asked = Asked()
    system = one.side.cached(asked)
    await one.side.fill(system, asked, scale.count(FILL), speed=FILL_SPEED)
    await _rates(scale, one, system, CACHED_RATES[one.side.profile], one.side.twin)


async def _rates(scale: Scale, one: Arrivals, system: System, rates: tuple[float, ...], twin: Twin) -> None:
    found = one.found.setdefault(system.name, {})
    for rate in rates:
        samples = await load.open_loop(
            lambda: system.users(1)[0],
            per_s=rate,
            seconds=scale.seconds(BASE_SECONDS if system.name == BASE else SECONDS),
            seed=int(10 * rate),
        )
        found[rate] = samples
        print(
            f"  {one.side.profile}: {system.name}, {rate:g}/s arrive: p50 {samples.quantile_ms(0.5):.0f} ms,"
            f" p99 {samples.quantile_ms(0.99):.0f} ms",
            flush=True,
        )
        await twin.quiet()


def _finding(sides: list[Arrivals]) -> Finding:
    order = (BASE, PLAIN, CACHED, BARE)
    rows = [
        [f"`{one.side.profile}`", name, rate, len(s.latencies_ms),
         *(s.quantile_ms(q) / 1000 for q in (0.5, 0.95, 0.99)), s.failures]
        for one in sides
        for name in order
        for rate, s in one.found[name].items()
    ]  # fmt: skip
    summary = []
    for one in sides:
        base = one.found[BASE][BASE_RATES[-1]]
        own = one.found[PLAIN][3.0]
        cached = max(one.found[CACHED])
        fastest = one.found[CACHED][cached]
        summary.append(
            f"{one.side.profile}, {BASE_RATES[-1]:g}/s arrive: p99 {own.quantile_ms(0.99) / 1000:.1f} s, synchronous"
            f" {base.quantile_ms(0.99) / 1000:.1f} s; cached, {cached:g}/s arrive: p50"
            f" {fastest.quantile_ms(0.5) / 1000:.2f} s, p99 {fastest.quantile_ms(0.99) / 1000:.1f} s;"
            f" {sum(s.failures for by in one.found.values() for s in by.values())} failures"
        )
    return Finding(
        name="open_loop",
        title="Jobs that arrive at a rate",
        about="Requests of the Zipf trace arrive at random moments (Poisson), the same to all systems, and all of"
        " them are waited for. The engine is a twin at its published speed; a synchronous server keeps up with 3.2/s.",
        summary=summary,
        tables=[
            Table(
                title="By rate",
                columns=["profile", "system", "arrive/s", "jobs", "p50 s", "p95 s", "p99 s", "failures"],
                rows=rows,
            )
        ],
        figures={
            one.side.profile: {
                name: {str(rate): s.figures() for rate, s in by.items()} for name, by in one.found.items()
            }
            for one in sides
        },
        plots=[
            Figure(
                name="open_loop",
                title="Jobs that arrive at a rate",
                panels=[
                    Lines(
                        title=f"p{q:g}, profile “{one.side.profile}”",
                        x_label="jobs that arrive a second",
                        y_label="s",
                        lines={
                            name: (list(one.found[name]),
                                   [s.quantile_ms(q / 100) / 1000 for s in one.found[name].values()])
                            for name in order
                        },
                        logarithmic="y",
                    )
                    for one in sides
                    for q in (50, 99)
                ],
                columns=2,
                published=True,
            )
        ],
    )  # fmt: skip

"""Sightline beside what people run otherwise, on the same engine with the same requests in the same run.

The engine is a twin at its published speed. It sleeps, so both of its profiles are measured at the same time, and
RQ beside the synchronous server, each on a twin of its own: together they leave the cores of this machine idle.
"""

import asyncio
from collections import Counter
from contextlib import ExitStack

from driver import workload
from driver.comparison import AIM, Compared, Tiers, finding
from driver.measured import measure
from driver.metrics import cache_outcomes
from driver.report import Finding
from driver.scale import Scale
from driver.side import MOST_AT_ONCE, Pace, Side
from driver.systems import System
from driver.trace import Asked
from driver.twin import Twin

USERS = (1, 8, 32, 100, 120)
QUICK_USERS = (1, 120)
RQ_USERS = (1, 32, 120)
"""Its windows are the longest."""
RQ_EACH_S = 0.12
"""What RQ takes about for a job beside the engine, for the length of its windows: it forks."""
FILL = 4000
"""Requests of the trace that fill the cache, which is empty at first, before it is measured."""
FILL_SPEED = 50.0
"""How many times faster the engine is meanwhile."""


def run(scale: Scale) -> Finding:
    with ExitStack() as things:
        pictures = workload.screens(20)
        sides = [Side.start(things, scale.folder / profile, profile, pictures) for profile in AIM]
        found = asyncio.run(_all(scale, sides))
    return finding(found, filled=scale.count(FILL))


async def _all(scale: Scale, sides: list[Side]) -> list[Compared]:
    runs = [_Run(scale, side) for side in sides]
    await asyncio.gather(*(part for run in runs for part in (run.synchronous(), run.rq())))
    for step in (_Run.plain, _Run.bare, _Run.cached):
        await asyncio.gather(*map(step, runs))
    return [run.compared for run in runs]


class _Run:
    """One profile, system by system."""

    def __init__(self, scale: Scale, side: Side) -> None:
        self._scale = scale
        self._side = side
        self._counts = QUICK_USERS if scale.quick else USERS
        self.compared = Compared(profile=side.profile)

    async def synchronous(self) -> None:
        side = self._side
        for count in self._counts:
            await self._window(side.synchronous, count, side.one_by_one(count), side.synchronous_twin)

    async def rq(self) -> None:
        side = self._side
        for count in QUICK_USERS if self._scale.quick else RQ_USERS:
            pace = side.one_by_one(count, more_s=RQ_EACH_S)
            await self._window(side.rq, count, pace, side.rq_twin)

    async def plain(self) -> None:
        asked = Asked()
        system = self._side.plain(asked)
        # Threads and caches that first jobs pay for.
        await measure(system, 16, engine=(), seconds=1.0, warm_up_s=3.0)
        await self._side.twin.quiet()
        for count in self._counts:
            await self._window(system, count, self._side.pace(count), self._side.twin)
        self._tell_refused(asked)

    async def bare(self) -> None:
        system = self._side.bare()
        for count in self._counts:
            await self._window(system, count, self._side.pace(count, seats=MOST_AT_ONCE), self._side.twin)

    async def cached(self) -> None:
        side, asked = self._side, Asked()
        system = side.cached(asked)
        await side.fill(system, asked, self._scale.count(FILL), speed=FILL_SPEED)
        for count in self._counts:
            since, served, outcomes = len(asked.keys), asked.served.copy(), await cache_outcomes(side.stack)
            await self._window(system, count, side.pace(count), side.twin, drain=True)
            until, outcomes = len(asked.keys), await cache_outcomes(side.stack) - outcomes
            self.compared.tiers[count] = _tiers(asked.served - served, outcomes, asked.at_best(since, until))
        self._tell_refused(asked)

    def _tell_refused(self, asked: Asked) -> None:
        if asked.refused:
            print(f"  {self._side.profile}: refused {dict(asked.refused)}", flush=True)

    async def _window(
        self, system: System, count: int, pace: Pace, twin: Twin, *, drain: bool = False
    ) -> None:
        """One round of all users to fill the queue, then most of a second one: latencies count from then on.

        `drain`: what is aboard at the end is waited for, so that of every request it is known who answered it.
        """
        share = 0.35 if self._scale.quick else 1.0
        found = await measure(
            system,
            count,
            engine=[twin.process.pid],
            twin=twin,
            drain=drain,
            seconds=pace.window_s(share),
            warm_up_s=pace.warm_up_s(share),
        )
        self.compared.found[system.name][count] = found
        print(
            f"  {self._side.profile}: {system.name}, {count} users: {found.samples.per_s:.1f}/s,"
            f" p99 {found.samples.quantile_ms(0.99) / 1000:.1f} s, {found.cpu_ms_a_job:.1f} CPU-ms a job",
            flush=True,
        )
        await twin.quiet()


def _tiers(served: Counter[str], outcomes: Counter[str], at_best: dict[str, float]) -> Tiers:
    """The platform counts which tier a hit came from, the users how many of their answers were hits."""
    answers = served.total() or 1
    hits = (outcomes["l1"] + outcomes["l2"]) or 1
    shares = {tier: served["cache"] / answers * outcomes[tier] / hits for tier in ("l1", "l2")}
    return Tiers(
        found={**shares, "coalesced": served["coalesced"] / answers, "engine": served["engine"] / answers},
        at_best=at_best,
    )

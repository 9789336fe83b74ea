"""What the comparison with the baselines shows: the aims, the tables and the figures."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from driver import trace
from driver.load import Samples
from driver.measured import COLUMNS, Measured, less, row, times
from driver.plots import Axis, Bars, Figure, Lines
from driver.report import Finding, Table
from driver.side import BARE, BASE, CACHED, ORDER, PLAIN

MUST = (100, 120)
"""Users at which the aims stand."""
AIM = {"published": 2.0, "batching": 4.6}
CACHED_AIM = {"published": 4.6, "batching": 10.0}


@dataclass(frozen=True, kw_only=True)
class Tiers:
    """Shares of a window's requests by what answered them."""

    found: dict[str, float]
    """l1, l2, coalesced, engine."""
    at_best: dict[str, float]
    """l1, l2, engine."""


@dataclass(kw_only=True)
class Compared:
    """What was found on one profile."""

    profile: str
    found: dict[str, dict[int, Measured]] = field(default_factory=lambda: {name: {} for name in ORDER})
    """By system and number of users."""
    tiers: dict[int, Tiers] = field(default_factory=dict)
    """Of the cached system, by number of users."""

    def at(self, users: int) -> dict[str, Measured]:
        """All systems that were measured with so many users."""
        return {name: by[users] for name, by in self.found.items() if users in by}


def finding(sides: list[Compared], *, filled: int) -> Finding:
    return Finding(
        name="baselines",
        title="Beside the baselines",
        about="A synchronous web server that handles one request at a time; RQ with one worker and results that are"
        " polled; Sightline without and with its cache; bare concurrent clients, which are the limit of the engine."
        " Each user sends a chat job of a 1080p JPEG and a 256-token prompt when its last one ended:"
        f" {trace.KEYS:,} different ones by Zipf's law (s = {trace.EXPONENT}) and {trace.NEVER_REPEATED:.0%} that"
        f" never come again, the same to all. The cache had seen {filled:,} of them before. The engine is a twin at its"
        " published speed.",
        summary=[line for side in sides for line in _lines(side)],
        tables=[*map(_table, sides), *map(_tier_table, sides)],
        figures={
            side.profile: {
                **{
                    name: {str(count): found.figures() for count, found in by.items()}
                    for name, by in side.found.items()
                },
                "tiers": {str(count): vars(tiers) for count, tiers in side.tiers.items()},
            }
            for side in sides
        },
        plots=[_comparison(sides), _costs(sides)],
        headline=_headline(sides),
    )


def _headline(sides: list[Compared]) -> Table:
    count = MUST[-1]
    return Table(
        title=f"{count} users, a 1080p image and a 256-token prompt each; the engine is a twin at its published speed",
        columns=["profile", "system", *COLUMNS, "of synchronous", "of bare clients"],
        rows=[
            [f"`{side.profile}`", name, *row(one), times(one, side.found[BASE][count]),
             times(one, side.found[BARE][count])]
            for side in sides
            for name in ORDER
            if (one := side.found[name].get(count))
        ],
    )  # fmt: skip


def _comparison(sides: list[Compared]) -> Figure:
    panels: list[Lines | Bars] = []
    for side in sides:
        at = side.at(MUST[-1])
        throughput = {name: times(at[name], at[BASE]) for name in (PLAIN, CACHED)}
        # Of the cached system not: where p99s lie upon each other, so would their numbers.
        latency = {PLAIN: less(at[PLAIN], at[BASE])}
        panels += [
            _by_users(side, "jobs/s", lambda samples: samples.per_s, throughput),
            _by_users(side, "p99, s", lambda samples: samples.quantile_ms(0.99) / 1000, latency, "y"),
            Bars(
                title=f"GPU time an answer takes, {MUST[-1]} users",
                y_label="ms",
                labels=list(at),
                parts={"GPU": [one.gpu_ms_a_job for one in at.values()]},
            ),
        ]
    return Figure(
        name="baselines",
        title="Beside what people run otherwise, on the same engine; in numbers: beside the synchronous server",
        panels=panels,
        published=True,
    )


def _by_users(
    side: Compared,
    what: str,
    value: Callable[[Samples], float],
    notes: dict[str, str],
    logarithmic: Axis = "",
) -> Lines:
    return Lines(
        title=f"{what}, profile “{side.profile}”",
        x_label="users",
        y_label=what,
        lines={
            name: (list(by), [value(one.samples) for one in by.values()]) for name, by in side.found.items()
        },
        logarithmic=logarithmic,
        notes=notes,
    )


def _costs(sides: list[Compared]) -> Figure:
    panels: list[Lines | Bars] = []
    for side in sides:
        at = side.at(MUST[-1])
        panels.append(
            Bars(
                title=f"Latency at {MUST[-1]} users, profile “{side.profile}”",
                y_label="s",
                labels=list(at),
                parts={
                    name: [one.samples.quantile_ms(q) / 1000 for one in at.values()]
                    for name, q in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))
                },
                stacked=False,
                logarithmic="y",
            )
        )
        processes = list(dict.fromkeys(part for one in at.values() for part in one.cpu_ms))
        panels.append(
            Bars(
                title="CPU a job, beside engine and users",
                y_label="CPU-ms",
                labels=[name for name in at if name != BARE],
                parts={
                    part: [one.cpu_ms.get(part, 0.0) / one.jobs for name, one in at.items() if name != BARE]
                    for part in processes
                },
            )
        )
        tiers = side.tiers[max(side.tiers)]
        panels.append(
            Bars(
                title="Who answered the Zipf trace",
                y_label="% of requests",
                labels=["measured", "at best"],
                parts={
                    name: [100 * tiers.found[tier], 100 * tiers.at_best.get(tier, 0.0)]
                    for name, tier in (
                        ("L1", "l1"),
                        ("L2", "l2"),
                        ("coalesced", "coalesced"),
                        ("engine", "engine"),
                    )
                },
            )
        )
    return Figure(
        name="baselines-costs", title="What it costs, and what the cache saves", panels=panels, published=True
    )


def _lines(side: Compared) -> Iterator[str]:
    found = side.found
    for count in MUST:
        if count not in found[BASE]:
            continue
        base, bare = found[BASE][count], found[BARE][count]
        for name, aim in ((PLAIN, AIM), (CACHED, CACHED_AIM)):
            own = found[name][count]
            yield (
                f"{side.profile}, {count} users, {name}: {times(own, base)} synchronous (aim {aim[side.profile]}×),"
                f" {times(own, bare)} bare clients, p99 {less(own, base)} (aim −67 %; bare clients"
                f" {less(bare, base)}), {own.samples.failures} failures"
            )
    if side.tiers:
        tiers = side.tiers[max(side.tiers)]
        yield (
            f"{side.profile}, {max(side.tiers)} users: {tiers.found['engine']:.0%} of the requests reached the engine"
            f" (at best {tiers.at_best['engine']:.0%}); L1 {tiers.found['l1']:.0%} (at best {tiers.at_best['l1']:.0%}),"
            f" L2 {tiers.found['l2']:.0%} ({tiers.at_best['l2']:.0%}), coalesced {tiers.found['coalesced']:.0%}"
        )


def _table(side: Compared) -> Table:
    found = side.found
    return Table(
        title=f"Profile `{side.profile}`",
        columns=["users", "system", *COLUMNS, "engine busy", "of synchronous", "of bare"],
        rows=[
            [count, name, *row(one), f"{one.engine_busy_s / one.samples.seconds:.0%}",
             times(one, found[BASE][count]), times(one, found[BARE][count])]
            for count in found[BASE]
            for name in ORDER
            if (one := found[name].get(count))
        ],
    )  # fmt: skip


def _tier_table(side: Compared) -> Table:
    return Table(
        title=f"Who answered the trace, profile `{side.profile}`; in brackets what it allows at best",
        columns=["users", "L1", "L2", "coalesced", "engine calls"],
        rows=[
            [
                count,
                *(f"{t.found[tier]:.1%} ({t.at_best[tier]:.1%})" for tier in ("l1", "l2")),
                f"{t.found['coalesced']:.1%}",
                f"{t.found['engine']:.1%} ({t.at_best['engine']:.1%})",
            ]
            for count, t in side.tiers.items()
        ],
    )

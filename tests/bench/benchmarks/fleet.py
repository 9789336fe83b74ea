"""One GPU group against three: the queues are shared by pulling."""

import asyncio
from contextlib import ExitStack

from driver import load, users, workload
from driver.plots import Bars, Figure
from driver.report import Finding, Table, ratio
from driver.scale import Scale
from driver.stack import Stack
from driver.twin import Twin

SEATS = {"gui": 1, "chat": 1, "ocr": 8}
"""Small, so that the engines and not the cores of this machine are what three groups have more of."""
USERS = 48
"""More than three groups have seats."""


def run(scale: Scale) -> Finding:
    found = {count: _with_groups(scale, count) for count in (1, 3)}
    one, three = found[1][0], found[3][0]
    table = Table(
        title=f"{USERS} clients, ocr jobs, twins of profile `published` with 8 seats each",
        columns=["groups", "jobs/s", "p50 ms", "p99 ms", "failures", "engine calls by group", "of one"],
        rows=[
            [n, s.per_s, s.quantile_ms(0.5), s.quantile_ms(0.99), s.failures, " ".join(map(str, calls)),
             ratio(s.per_s, one.per_s)]
            for n, (s, calls) in found.items()
        ],
    )  # fmt: skip
    return Finding(
        name="fleet",
        title="One group and three",
        about="The same closed loop on one group and on three, each with an engine of its own.",
        headline=table,
        plots=[
            Figure(
                name="fleet",
                title="One group and three",
                panels=[
                    Bars(
                        title="Throughput",
                        y_label="jobs/s",
                        labels=["1 group", "3 groups"],
                        parts={"jobs/s": [one.per_s, three.per_s]},
                    ),
                    Bars(
                        title="Latency",
                        y_label="ms",
                        labels=["1 group", "3 groups"],
                        parts={
                            name: [one.quantile_ms(q), three.quantile_ms(q)]
                            for name, q in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))
                        },
                        stacked=False,
                    ),
                ],
                published=True,
            )
        ],
        summary=[f"three groups {ratio(three.per_s, one.per_s)} one (aim ≥ 2.9×)"],
        tables=[table],
        figures={
            "throughput_ratio": three.per_s / one.per_s,
            **{f"groups_{n}": {**s.figures(), "engine_calls": calls} for n, (s, calls) in found.items()},
        },
    )


def _with_groups(scale: Scale, count: int) -> tuple[load.Samples, list[int]]:
    with ExitStack() as things:
        twins = [
            things.enter_context(Twin(scale.folder / "engine", name=f"twin{count}{n}", profile="published"))
            for n in range(count)
        ]
        stack = things.enter_context(
            Stack(scale.folder / f"platform{count}", seats=SEATS, settings={"SIGHTLINE_CACHE": "false"})
        )
        names = [f"gpu{n}" for n in range(count)]
        for name, twin in zip(names, twins, strict=True):
            stack.group(name, engine_url=twin.url)
        stack.workers_listen(*names)
        return asyncio.run(_measure(scale, stack, twins))


async def _measure(scale: Scale, stack: Stack, twins: list[Twin]) -> tuple[load.Samples, list[int]]:
    picture = workload.demo_like(3)[2].picture
    assert picture is not None
    body = workload.ocr(picture).native(await users.upload(stack, picture))
    crowd = [users.waiting_user(stack, lambda: body) for _ in range(USERS)]
    samples = await load.closed_loop(crowd, seconds=scale.seconds(24), warm_up_s=8.0)
    return samples, [len([r for r in twin.requests() if r["images"]]) for twin in twins]

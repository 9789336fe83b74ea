"""How many jobs a second are accepted: nobody runs them, so this is the front door alone."""

import asyncio
import itertools

from driver import load, users, workload
from driver.report import Finding, Table, ratio
from driver.scale import Scale
from driver.stack import Stack

CLIENTS = 16
NEW_PICTURES = 60


def run(scale: Scale) -> Finding:
    with Stack(scale.folder / "platform") as stack:
        return asyncio.run(_measure(scale, stack))


async def _measure(scale: Scale, stack: Stack) -> Finding:
    pictures = workload.screens(NEW_PICTURES + 1)
    known, new = pictures[0], pictures[1:]
    upload_id = await users.upload(stack, known)
    task = workload.ocr(known)
    found: dict[str, load.Samples] = {}
    for name, body in (("by upload id", task.native(upload_id)), ("inline, known picture", task.native())):
        crowd = [users.submitting_user(stack, itertools.repeat(body).__next__) for _ in range(CLIENTS)]
        found[name] = await load.closed_loop(crowd, seconds=scale.seconds(6))
    found["inline, new picture"] = await _each_once(stack, [workload.ocr(p).native() for p in new])
    size = len(known.data) // 1024
    base = found["by upload id"].per_s
    table = Table(
        title=f"Jobs accepted a second, {CLIENTS} clients, a 1080p JPEG of {size} kB",
        columns=["image", "jobs/s", "p50 ms", "p99 ms", "failures", "of by upload id"],
        rows=[
            [name, s.per_s, s.quantile_ms(0.5), s.quantile_ms(0.99), s.failures, ratio(s.per_s, base)]
            for name, s in found.items()
        ],
    )
    return Finding(
        name="intake",
        title="Intake",
        about="`POST /api/v1/jobs` without waiting, no worker running. A new picture is checked, decoded, digested"
        " and stored; a known one is recognised by its bytes.",
        summary=["accepted a second: " + ", ".join(f"{s.per_s:.0f} {name}" for name, s in found.items())],
        tables=[table],
        figures={name: s.figures() for name, s in found.items()},
    )


async def _each_once(stack: Stack, bodies: list[bytes]) -> load.Samples:
    """Submit every body once, by all clients together."""
    loop = asyncio.get_running_loop()
    left = iter(bodies)
    samples = load.Samples(seconds=1.0)
    began = loop.time()

    async def client() -> None:
        http = stack.client()
        for body in left:
            sent = loop.time()
            answer = await http.request("POST", users.JOBS, body)
            if answer.status == 202:
                samples.latencies_ms.append((loop.time() - sent) * 1000)
            else:
                samples.failures += 1

    await asyncio.gather(*(client() for _ in range(CLIENTS)))
    samples.seconds = loop.time() - began
    return samples

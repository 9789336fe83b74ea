"""The front door: jobs accepted a second, first tokens, and streams on which nothing happens."""

import asyncio
import itertools
import json
import sqlite3
import time
from urllib.parse import urlsplit

import psutil
from driver import load, users, workload
from driver.http_client import HttpClient
from driver.report import Finding, Table, ratio
from driver.scale import Scale
from driver.stack import Stack
from driver.twin import Twin
from redis import Redis

CLIENTS = 16
NEW_PICTURES = 240
BATCH_LINES = 5_000
STREAMS = 2_000
AIMS = {"by upload id": 300, "inline, known picture": 100, "inline, new picture": 100, "by batch": 2_000}


def run(scale: Scale) -> Finding:
    with (
        Twin(scale.folder / "engine", profile="instant", max_num_seqs=64) as twin,
        Stack(scale.folder / "platform") as stack,
    ):
        return asyncio.run(_measure(scale, stack, twin))


async def _measure(scale: Scale, stack: Stack, twin: Twin) -> Finding:
    pictures = workload.screens(NEW_PICTURES + 1)
    known, new = pictures[0], pictures[1:]
    upload_id = await users.upload(stack, known)
    task = workload.ocr(known)
    found: dict[str, load.Samples] = {}
    for name, body in (("by upload id", task.native(upload_id)), ("inline, known picture", task.native())):
        crowd = [users.submitting_user(stack, itertools.repeat(body).__next__) for _ in range(CLIENTS)]
        found[name] = await load.closed_loop(crowd, seconds=scale.seconds(6))
    found["inline, new picture"] = await _each_once(stack, [workload.ocr(p).native() for p in new])
    found["by batch"] = await _batch(stack, scale.count(BATCH_LINES))
    print("  " + ", ".join(f"{name} {s.per_s:.0f}/s" for name, s in found.items()), flush=True)
    per_stream_kb = await _idle_streams(stack, scale.count(STREAMS))
    size = len(known.data) // 1024
    base = found["by upload id"].per_s
    table = Table(
        title=f"Jobs accepted a second, {CLIENTS} clients, a 1080p JPEG of {size} kB",
        columns=["jobs", "jobs/s", "aim", "p50 ms", "p99 ms", "failures", "of by upload id"],
        rows=[
            [
                name,
                s.per_s,
                AIMS[name],
                s.quantile_ms(0.5),
                s.quantile_ms(0.99),
                s.failures,
                ratio(s.per_s, base),
            ]
            for name, s in found.items()
        ],
    )
    # First tokens are those of a platform that has nothing else to do.
    with sqlite3.connect(stack.home / "sightline.sqlite3", timeout=20) as database:
        database.execute("UPDATE jobs_job SET status = 'cancelled' WHERE status = 'queued'")
    with Redis(unix_socket_path=str(stack.home / "redis" / "redis.sock")) as redis:
        redis.flushall()  # their wake-ups
    stack.group(engine_url=twin.url)
    stack.workers_listen("gpu0")
    direct, full = await _first_tokens(stack, twin.url, scale.count(200))
    added = {q: load.quantile(full, q / 100) - load.quantile(direct, q / 100) for q in (50, 99)}
    return Finding(
        name="intake",
        title="Intake",
        about="`POST /api/v1/jobs` without waiting, no worker running. A new picture is checked, decoded, digested"
        " and stored; a known one is recognised by its bytes.",
        summary=[
            "accepted a second: "
            + ", ".join(f"{s.per_s:.0f} {name} (aim {AIMS[name]})" for name, s in found.items()),
            f"first token later by p50 {added[50]:.1f} ms (aim ≤ 10), p99 {added[99]:.1f} ms than the engine's own",
            f"{100_000 / per_stream_kb:.0f} idle streams per 100 MB (aim 5,000), {per_stream_kb:.1f} kB each",
        ],
        tables=[table],
        figures={
            **{name: s.figures() for name, s in found.items()},
            "first_token_added_ms": {f"p{q}": ms for q, ms in added.items()},
            "idle_stream_kb": per_stream_kb,
        },
    )


async def _batch(stack: Stack, count: int) -> load.Samples:
    """A file of requests, from its batch's creation until the last of them is a job."""
    stack.cpu()
    lines = [
        json.dumps({"custom_id": str(n), "method": "POST", "url": "/v1/chat/completions",
                    "body": {"model": "default", "messages": [{"role": "user", "content": f"Question {n}"}]}})
        for n in range(count)
    ]  # fmt: skip
    client = HttpClient(stack.url, headers={"Authorization": f"Bearer {stack.key}"})
    form = (
        '--edge\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbatch\r\n--edge\r\n'
        'Content-Disposition: form-data; name="file"; filename="requests.jsonl"\r\n\r\n'
        + "\n".join(lines)
        + "\r\n--edge--\r\n"
    ).encode()
    kind = "Content-Type: multipart/form-data; boundary=edge\r\n"
    file = (await client.request("POST", "/v1/files", form, more=kind)).json()
    asked = {"input_file_id": file["id"], "endpoint": "/v1/chat/completions", "completion_window": "24h"}
    began = time.monotonic()
    made = await client.request(
        "POST", "/v1/batches", json.dumps(asked).encode(), more="Content-Type: application/json\r\n"
    )
    path = f"/v1/batches/{made.json()['id']}"
    while (batch := (await client.request("GET", path)).json())["status"] == "validating":
        await asyncio.sleep(0.05)
    took = time.monotonic() - began
    await client.request("POST", f"{path}/cancel")
    client.close()
    if batch["status"] != "in_progress" or batch["request_counts"]["total"] != count:
        raise RuntimeError(f"the batch is {batch}")
    return load.Samples(seconds=took, latencies_ms=[took * 1000] * count)


async def _idle_streams(stack: Stack, count: int) -> float:
    """Kilobytes of the web process for each stream of a job that waits."""
    client = stack.client()
    job = (await client.request("POST", users.JOBS, workload.chat(None, seed=1).native())).json()["id"]
    web = psutil.Process(stack.processes()["web"][0])
    address = urlsplit(stack.url)
    held: list[asyncio.StreamWriter] = []

    async def open_one() -> None:
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        head = f"GET {users.JOBS}/{job}/events HTTP/1.1\r\nHost: {address.netloc}\r\nAuthorization: Bearer {stack.key}"
        writer.write(f"{head}\r\n\r\n".encode())
        try:
            await reader.readuntil(b"job.queued")
        except asyncio.IncompleteReadError as error:
            raise RuntimeError(f"no stream, but {error.partial!r}") from error
        held.append(writer)

    for _ in range(8):  # what the first ones pay for
        await open_one()
    before = web.memory_info().rss
    for _ in range(count // 50):
        await asyncio.gather(*(open_one() for _ in range(50)))
    grown = web.memory_info().rss - before
    for writer in held:
        writer.transport.abort()
    return max(0.1, grown / 1000 / (len(held) - 8))


async def _first_tokens(stack: Stack, engine: str, count: int) -> tuple[list[float], list[float]]:
    """Milliseconds to the first text of a streamed chat completion, at the engine and through the platform."""
    body = {"model": "default", "messages": [{"role": "user", "content": "Say something."}], "stream": True}
    found: tuple[list[float], list[float]] = ([], [])
    for number in range(count + 5):
        for url, kept in ((engine, found[0]), (stack.url, found[1])):
            ms = await _first_token(url, stack.key, json.dumps(body).encode())
            if number >= 5:
                kept.append(ms)
    return found


async def _first_token(url: str, key: str, body: bytes) -> float:
    address = urlsplit(url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    began = time.monotonic()
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nHost: {address.netloc}\r\nAuthorization: Bearer {key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    writer.write(head.encode() + body)
    while b'"content":"' not in (line := await reader.readuntil(b"\n")) or b'"content":""' in line:
        pass
    took_ms = (time.monotonic() - began) * 1000
    await reader.readuntil(b"[DONE]")
    writer.close()
    return took_ms


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

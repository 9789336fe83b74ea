"""What people run otherwise, on the same engine: the programs in `baselines/`, started, and their users."""

import asyncio
import json
import os
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from sightline import embedded_redis

from . import cpu_time, load, users
from .background import Background, python
from .http_client import HttpClient

_FOLDER = Path(__file__).resolve().parents[1] / "baselines"
_MOST_POLLS_PER_S = 150.0


@dataclass(frozen=True, kw_only=True)
class System:
    """One way to get requests to an engine."""

    name: str
    users: Callable[[int], list[load.User]]
    """So many users of it."""
    processes: Callable[[], Mapping[str, list[int]]] = field(default=dict)
    """Ids of what runs between its users and the engine, by name."""


def bare(engine: str, next_body: users.NextBody) -> System:
    """Clients that call the engine themselves: the limit."""
    return System(
        name="bare clients", users=lambda count: [users.bare_user(engine, next_body) for _ in range(count)]
    )


def synchronous(things: ExitStack, folder: Path, engine: str, next_body: users.NextBody) -> System:
    """A web server that handles one request at a time."""
    server = _background(things, folder, "synchronous_server", engine)
    url = server.told(r"listening on (http://\S+)")
    return System(
        name="synchronous",
        users=lambda count: [users.bare_user(url, next_body) for _ in range(count)],
        processes=lambda: {"server": [server.pid]},
    )


def rq(things: ExitStack, folder: Path, engine: str, next_body: users.NextBody, *, poll_s: float) -> System:
    """RQ with one worker. Each user asks for its result every `poll_s` seconds, many users less often: they must
    not poll the machine to a standstill."""
    socket = folder / "rq-redis" / "redis.sock"
    redis = Background(
        name="rq-redis", argv=embedded_redis.argv(folder=socket.parent, socket=socket), folder=folder, env={}
    )
    redis.start()
    things.callback(redis.child.kill)
    while not embedded_redis.answers(socket):
        time.sleep(0.02)
    server = _background(things, folder, "rq_server", str(socket), engine)
    worker = _background(things, folder, "rq_worker", str(socket))
    worker.told(r"(ready)")
    url = server.told(r"listening on (http://\S+)")

    def make(count: int) -> list[load.User]:
        from redis import Redis

        with Redis(unix_socket_path=str(socket)) as connection:
            connection.delete("rq:queue:bench")  # what the last window left
        pause_s = max(poll_s, count / _MOST_POLLS_PER_S)
        return [_polling_user(url, next_body, pause_s) for _ in range(count)]

    return System(
        name="RQ",
        users=make,
        processes=lambda: {
            "server": [server.pid],
            "worker": [process.pid for process in cpu_time.family(worker.pid)],
            "redis": [redis.pid],
        },
    )


def _polling_user(url: str, next_body: users.NextBody, pause_s: float) -> load.User:
    client = HttpClient(url)

    async def user() -> bool:
        answer = await client.request("POST", "/jobs", next_body())
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

"""What people run otherwise, on the same engine: the programs in `baselines/`, started, and their users."""

import asyncio
import itertools
import json
import os
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from sightline import embedded_redis

from . import load, users
from .background import Background, python
from .http_client import HttpClient

MakeUsers = Callable[[int], list[load.User]]
"""So many users of a system."""
_FOLDER = Path(__file__).resolve().parents[1] / "baselines"
_MOST_POLLS_PER_S = 150.0


def synchronous(things: ExitStack, folder: Path, engine: str, bodies: Sequence[bytes]) -> MakeUsers:
    """A web server that handles one request at a time."""
    server = _background(things, folder, "synchronous_server", engine)
    url = server.told(r"listening on (http://\S+)")
    return lambda count: [users.bare_user(url, bodies, start=n) for n in range(count)]


def rq(things: ExitStack, folder: Path, engine: str, bodies: Sequence[bytes], *, poll_s: float) -> MakeUsers:
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
    _background(things, folder, "rq_worker", str(socket)).told(r"(ready)")
    url = server.told(r"listening on (http://\S+)")

    def make(count: int) -> list[load.User]:
        from redis import Redis

        with Redis(unix_socket_path=str(socket)) as connection:
            connection.delete("rq:queue:bench")  # what the last window left
        pause_s = max(poll_s, count / _MOST_POLLS_PER_S)
        return [_polling_user(url, bodies, n, pause_s) for n in range(count)]

    return make


def _polling_user(url: str, bodies: Sequence[bytes], start: int, pause_s: float) -> load.User:
    client, turn = HttpClient(url), itertools.count(start)

    async def user() -> bool:
        answer = await client.request("POST", "/jobs", bodies[next(turn) % len(bodies)])
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

"""Users of the platform and of a bare engine, for `load`."""

import itertools
import json
from collections.abc import Callable, Iterator, Sequence

from .http_client import HttpClient
from .load import User
from .stack import Stack
from .trace import Asked
from .workload import Picture

_ENDED_WELL = ('"status":"succeeded"', '"status":"incomplete"')
JOBS = "/api/v1/jobs"
WAIT = "Prefer: wait=300\r\n"

NextBody = Callable[[], bytes]
"""The body of a user's next request."""


def in_turn(bodies: Sequence[bytes], *, start: int = 0) -> NextBody:
    """One body after the other, again and again."""
    turn = itertools.count(start)
    return lambda: bodies[next(turn) % len(bodies)]


def waiting_user(stack: Stack, next_body: NextBody) -> User:
    """Posts a job with `Prefer: wait` and has its result when the answer comes."""
    client = stack.client()

    async def user() -> bool:
        answer = await client.request("POST", JOBS, next_body(), more=WAIT)
        text = answer.body[:2000].decode(errors="replace")
        return answer.status == 200 and any(mark in text for mark in _ENDED_WELL)

    return user


def asking_user(stack: Stack, keys: Iterator[int], body: Callable[[int], bytes], asked: Asked) -> User:
    """A waiting user on a trace, who notes what was asked and who answered."""
    client = stack.client()

    async def user() -> bool:
        key = next(keys)
        asked.keys.append(key)
        answer = await client.request("POST", JOBS, body(key), more=WAIT)
        job = json.loads(answer.body)
        if answer.status != 200 or job["status"] not in ("succeeded", "incomplete"):
            asked.refused[f"{answer.status} {job.get('code') or job.get('status')}"] += 1
            return False
        asked.served[job["served_from"]] += 1
        return True

    return user


def submitting_user(stack: Stack, next_body: NextBody) -> User:
    """Posts a job and does not wait for it."""
    client = stack.client()

    async def user() -> bool:
        return (await client.request("POST", JOBS, next_body())).status == 202

    return user


def bare_user(url: str, next_body: NextBody) -> User:
    """Calls the engine itself."""
    client = HttpClient(url, headers={"Content-Type": "application/json"})

    async def user() -> bool:
        answer = await client.request("POST", "/v1/chat/completions", next_body())
        return answer.status == 200 and b'"error"' not in answer.body[:200]

    return user


async def upload(stack: Stack, picture: Picture) -> str:
    """Keep a picture in the platform; its upload id."""
    headers = {"Authorization": f"Bearer {stack.key}", "Content-Type": picture.mime}
    client = HttpClient(stack.url, headers=headers)
    answer = await client.request("POST", "/api/v1/uploads", picture.data)
    client.close()
    if answer.status != 201:
        raise RuntimeError(f"upload: {answer.status} {answer.body[:300]!r}")
    return str(json.loads(answer.body)["id"])

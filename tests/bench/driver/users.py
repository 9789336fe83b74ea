"""Users of the platform and of a bare engine, for `load`."""

import itertools
import json
from collections.abc import Callable, Sequence

from .http_client import HttpClient
from .load import User
from .stack import Stack
from .workload import Picture

_ENDED_WELL = ('"status":"succeeded"', '"status":"incomplete"')
JOBS = "/api/v1/jobs"


def waiting_user(stack: Stack, bodies: Sequence[bytes], *, start: int = 0) -> User:
    """Posts a job with `Prefer: wait` and has its result when the answer comes."""
    client, turn = stack.client(), itertools.cycle(range(len(bodies)))
    for _ in range(start % len(bodies)):
        next(turn)

    async def user() -> bool:
        answer = await client.request("POST", JOBS, bodies[next(turn)], more="Prefer: wait=300\r\n")
        text = answer.body[:2000].decode(errors="replace")
        return answer.status == 200 and any(mark in text for mark in _ENDED_WELL)

    return user


def submitting_user(stack: Stack, next_body: Callable[[], bytes]) -> User:
    """Posts a job and does not wait for it."""
    client = stack.client()

    async def user() -> bool:
        return (await client.request("POST", JOBS, next_body())).status == 202

    return user


def bare_user(url: str, bodies: Sequence[bytes], *, start: int = 0) -> User:
    """Calls the engine itself."""
    client, turn = HttpClient(url, headers={"Content-Type": "application/json"}), itertools.cycle(bodies)
    for _ in range(start % len(bodies)):
        next(turn)

    async def user() -> bool:
        answer = await client.request("POST", "/v1/chat/completions", next(turn))
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

"""Waiting for jobs while the connection to Redis comes and goes."""

import asyncio
import gc
from collections.abc import Collection, Mapping
from contextlib import AsyncExitStack
from uuid import UUID

import pytest
import redis
from support.redis_server import RedisServer

from sightline import ids
from sightline.events import waiting
from sightline.events.notify import ended_channel
from sightline.events.waiting import Waiters

CROWD, ROUNDS, LOSSES = 60, 30, 40


async def _none(asked: Collection[UUID]) -> set[UUID]:
    return set()


async def _no_transitions(asked: Collection[UUID]) -> Mapping[UUID, int]:
    return {}


# redis-py leaves the writer of a connection that was lost to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")
def test_a_connection_that_is_lost_again_and_again_fails_nobody_who_waits(own_redis: RedisServer) -> None:
    """Each loss strikes commands of other tasks that are under way: seen as a 500 to who had a job accepted."""

    async def scenario() -> bool:
        waiters = Waiters(url=own_redis.url, look=_none, transitions=_no_transitions)

        async def come_and_go() -> None:
            for _ in range(ROUNDS):
                async with waiters.on(ids.new_id()) as waiter:
                    await waiter.woken(within_s=0.001)

        async def lose() -> None:
            for _ in range(LOSSES):
                await asyncio.to_thread(client.execute_command, "CLIENT", "KILL", "TYPE", "pubsub")
                await asyncio.sleep(0.01)

        with redis.Redis.from_url(own_redis.url) as client:
            await asyncio.gather(lose(), *(come_and_go() for _ in range(CROWD)))
            job_id = ids.new_id()
            async with waiters.on(job_id) as waiter:
                while not waiters.connected:
                    await asyncio.sleep(0.01)
                while not client.publish(ended_channel(job_id), '{"status":"succeeded"}'):
                    await asyncio.sleep(0.01)
                woken = await waiter.woken(within_s=30)
        await waiters.close()
        return woken

    woken = asyncio.run(scenario())
    gc.collect()  # those writers now, so that they are no other test's
    assert woken


def test_a_look_wakes_only_those_who_have_not_seen_what_there_is(
    own_redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Thousands follow one job, and each that is woken asks the database."""
    monkeypatch.setattr(waiting, "LOOK_HEALTHY_S", 0.01)
    monkeypatch.setattr(waiting, "LOOK_AWAY_S", 0.01)

    async def scenario() -> tuple[int, bool]:
        async def three(asked: Collection[UUID]) -> Mapping[UUID, int]:
            return dict.fromkeys(asked, 3)

        waiters, job_id = Waiters(url=own_redis.url, look=_none, transitions=three), ids.new_id()
        async with AsyncExitStack() as stack:
            crowd = [await stack.enter_async_context(waiters.on(job_id, follows=True)) for _ in range(CROWD)]
            late = await stack.enter_async_context(waiters.on(job_id, follows=True))
            for waiter in crowd:
                waiter.seen = 3
                waiter.rearm()
            late.seen = 2
            late.rearm()
            woken = await late.woken(within_s=30)
            late.rearm()
            again = await late.woken(within_s=30)
            others = sum([await waiter.woken(within_s=0) for waiter in crowd])
        await waiters.close()
        return others, woken and again

    assert asyncio.run(scenario()) == (0, True)

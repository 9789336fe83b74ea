"""Reading live text in a web process: a handful of connections to Redis for all streams."""

import asyncio
import logging
from typing import Any
from uuid import UUID

import redis
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from sightline.events.live import TTL_S, Piece, stream_key, wanted_key

log = logging.getLogger("sightline.events")

_CONNECTIONS = 4
_TIMEOUT_S = 1.0
_BATCH = 500
LATE_S = 2.0
_FAILURES = (redis.RedisError, OSError, TimeoutError)


class LiveReader:
    """One per process. A Redis that does not answer has nothing new: what happened is in the database as well."""

    def __init__(self, *, url: str) -> None:
        self._redis = Redis.from_pool(
            BlockingConnectionPool.from_url(
                url,
                max_connections=_CONNECTIONS,
                timeout=_TIMEOUT_S,
                socket_timeout=_TIMEOUT_S,
                socket_connect_timeout=_TIMEOUT_S,
                retry=Retry(NoBackoff(), 1),
                decode_responses=True,
            )
        )

    async def want(self, job_id: UUID) -> None:
        """Ask the job's worker for its pieces, from now on for a while."""
        try:
            await self._redis.set(wanted_key(job_id), "1", ex=TTL_S)
        except _FAILURES as error:
            log.warning("event=stream_not_wanted reason=%r", str(error))

    async def after(self, job_id: UUID, fence: int, number: int) -> list[Piece]:
        """The pieces of an attempt that follow a number, in order; none when Redis is away."""
        found: list[Piece] = []
        try:
            while True:
                start = f"{(found[-1].number if found else number) + 1}-0"
                rows: Any = await self._redis.xrange(stream_key(job_id, fence), min=start, count=_BATCH)
                found += [Piece.parse(entry_id, fields) for entry_id, fields in rows]
                if len(rows) < _BATCH:
                    return found
        except _FAILURES as error:
            log.warning("event=live_text_unread reason=%r", str(error))
            return found

    async def rest(self, job_id: UUID, fence: int, number: int) -> list[Piece]:
        """The same for an attempt that is over: what is on its way is waited for, `LATE_S` at most.

        The worker writes its last piece before the result, but not for ever; on a busy machine it comes later. A
        stream that is not there is not waited for.
        """
        found: list[Piece] = []
        key = stream_key(job_id, fence)
        until = asyncio.get_running_loop().time() + LATE_S
        try:
            while not (found and found[-1].end) and await self._redis.exists(key):
                left = until - asyncio.get_running_loop().time()
                if left <= 0:
                    break
                last = found[-1].number if found else number
                # Shorter than the socket's own time-out: an answer that is still due is no broken connection.
                block = max(1, int(min(left, _TIMEOUT_S / 2) * 1000))
                rows: Any = await self._redis.xread({key: f"{last}-0"}, count=_BATCH, block=block)
                found += [Piece.parse(entry_id, fields) for entry_id, fields in (rows[0][1] if rows else ())]
        except _FAILURES as error:
            log.warning("event=live_text_unread reason=%r", str(error))
        return found

    async def close(self) -> None:
        """End the connections."""
        await self._redis.aclose()

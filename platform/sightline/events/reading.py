"""Reading live text in a web process: a handful of connections to Redis for all streams."""

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

    async def close(self) -> None:
        """End the connections."""
        await self._redis.aclose()

"""Every use of Redis goes through one client and one circuit breaker.

Redis wakes people up and remembers what may be forgotten; no job depends on it. When it is away, each use must
give up quickly, and they must not wait one after the other: the first failure opens the breaker for all.
"""

import threading
import time
from collections.abc import Callable
from functools import cache
from typing import TypeVar

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

T = TypeVar("T")

FAILURES = (redis.ConnectionError, redis.TimeoutError, redis.ResponseError, OSError)
"""ResponseError too: a Redis that is loading, full or read-only helps nobody."""


class RedisAway(Exception):
    """Redis is not to be had right now; do without."""


class Breaker:
    """Closed while calls succeed. A failure opens it for `pause_s`; then one caller may try, the others not."""

    def __init__(self, pause_s: float = 2.0) -> None:
        self.pause_s = pause_s
        self._lock = threading.Lock()
        self._open_until: float | None = None

    @property
    def closed(self) -> bool:
        return self._open_until is None

    def call(self, use: Callable[[], T], failures: tuple[type[BaseException], ...] = FAILURES) -> T:
        with self._lock:
            now = time.monotonic()
            if self._open_until is not None:
                if now < self._open_until:
                    raise RedisAway("Redis did not answer a moment ago")
                self._open_until = now + self.pause_s  # this caller probes; the others keep out meanwhile
        try:
            result = use()
        except failures as error:
            with self._lock:
                self._open_until = time.monotonic() + self.pause_s
            raise RedisAway(str(error)) from error
        self._open_until = None
        return result

    def close(self) -> None:
        """Let the next call through at once."""
        self._open_until = None


breaker = Breaker()


@cache
def client() -> redis.Redis:
    """The process's client: a connection pool, bounded time-outs, no retry that would double them.

    A lost connection is made anew once; a time-out is not waited for twice.
    """
    return connect(settings.REDIS_URL)


def connect(url: str) -> redis.Redis:
    """A client of any Redis with the same time-outs."""
    return redis.Redis.from_url(
        url,
        socket_timeout=settings.REDIS_TIMEOUT_S,
        socket_connect_timeout=settings.REDIS_TIMEOUT_S,
        health_check_interval=10,
        retry=Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,)),
        decode_responses=True,
    )


def call(use: Callable[[redis.Redis], T]) -> T:
    """Run `use(client)` behind the breaker; `RedisAway` when Redis is not to be had."""
    return breaker.call(lambda: use(client()))

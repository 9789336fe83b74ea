"""L1: answers that were asked for again, in Redis for ten minutes and within a bound of bytes.

An entry is only a copy that saves a read. Whoever serves it inserts the hit on the condition that its source still
holds the key in the database, so an entry that outlived its job is found out and deleted.
"""

import json
from datetime import datetime
from functools import cache, partial
from typing import Any
from uuid import UUID

import redis
from django.conf import settings

from sightline import redis_client
from sightline.cache.values import Found
from sightline.redis_client import Breaker, RedisAway

TTL_S = 600
LARGEST_BYTES = 64 * 1024
"""A larger answer costs as much to fetch from here as from the database."""
_PREFIX = "sightline:cache:"
_INDEX = "sightline:cache-index"
"""A sorted set of entries by the time they expire; a member is the entry's size and its key."""
_BYTES = "sightline:cache-bytes"

# One script, so that the sum of sizes is right whoever else writes. What expired leaves first, then the oldest.
_KEEP = """
local now = tonumber(redis.call('TIME')[1])
local size = #ARGV[2]
local sum = tonumber(redis.call('GET', KEYS[3]) or '0')
local function drop(members)
  for _, member in ipairs(members) do
    local colon = string.find(member, ':', 1, true)
    redis.call('ZREM', KEYS[2], member)
    sum = sum - tonumber(string.sub(member, 1, colon - 1))
    redis.call('DEL', ARGV[5] .. string.sub(member, colon + 1))
  end
end
drop(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now, 'LIMIT', 0, 100))
while sum + size > tonumber(ARGV[4]) do
  local oldest = redis.call('ZRANGE', KEYS[2], 0, 0)
  if #oldest == 0 then sum = 0 break end
  drop(oldest)
end
local member = size .. ':' .. ARGV[1]
if redis.call('ZADD', KEYS[2], now + tonumber(ARGV[3]), member) == 1 then sum = sum + size end
redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3])
redis.call('SET', KEYS[3], sum)
return sum
"""

_own_breaker = Breaker()


def find(key: str) -> Found | None:
    """The answer under a key; None when there is none or Redis is away."""
    try:
        text = _call(lambda client: client.get(_PREFIX + key))
    except RedisAway:
        return None
    if text is None:
        return None
    entry = json.loads(text)
    return Found(
        tier="l1",
        source=UUID(entry["source"]),
        key=key,
        output=entry["output"],
        finish_reason=entry["finish_reason"],
        ended_at=datetime.fromisoformat(entry["ended_at"]),
    )


def keep(found: Found) -> None:
    """Keep an answer that was found elsewhere, unless it is large or Redis is away."""
    entry = {
        "source": found.source.hex,
        "output": found.output,
        "finish_reason": found.finish_reason,
        "ended_at": found.ended_at.isoformat(),
    }
    text = json.dumps(entry, separators=(",", ":"))
    if len(text) <= LARGEST_BYTES:
        _ask(partial(_keep, found.key, text))


def forget(key: str) -> None:
    """Delete the entry. A Redis that is away keeps it, and the next hit finds out that it is void."""
    _ask(lambda client: client.delete(_PREFIX + key))


def _keep(key: str, text: str, client: redis.Redis) -> Any:
    keys = (_PREFIX + key, _INDEX, _BYTES)
    return client.eval(_KEEP, len(keys), *keys, key, text, str(TTL_S), str(settings.CACHE_L1_BYTES), _PREFIX)


def _ask(use: Any) -> None:
    try:
        _call(use)
    except RedisAway:
        return  # by design: a copy less


def _call(use: Any) -> Any:
    if settings.CACHE_REDIS_URL == settings.REDIS_URL:
        return redis_client.call(use)
    return _own_breaker.call(lambda: use(_own()))


@cache
def _own() -> redis.Redis:
    return redis_client.connect(settings.CACHE_REDIS_URL)

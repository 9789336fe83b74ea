"""Bounds on what may be taken in, counted in Redis by one script: all of them have room, or none is counted."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial

from redis import Redis
from redis.commands.core import Script

from sightline.redis_client import RedisAway, call

# KEYS: the counters. ARGV, three for each: the most that it may reach, what must fit, what is added.
# Answers the number of the first bound without room (0: none, all is counted; -1: a counter is missing), then for
# each the value after the addition and the milliseconds that it lives on.
_TAKE = """
local over = 0
for i, key in ipairs(KEYS) do
  local value = redis.call('GET', key)
  if not value then over = -1 break end
  if over == 0 and tonumber(value) + tonumber(ARGV[3 * i - 1]) > tonumber(ARGV[3 * i - 2]) then over = i end
end
local answer = {over}
for i, key in ipairs(KEYS) do
  local added = tonumber(ARGV[3 * i])
  if over == 0 and added ~= 0 then redis.call('INCRBY', key, added) end
  answer[2 * i] = tonumber(redis.call('GET', key) or -1)
  answer[2 * i + 1] = redis.call('PTTL', key)
end
return answer
"""
# Never makes a counter: one without a base would be too low for as long as it lives.
_GIVE_BACK = """
for i, key in ipairs(KEYS) do
  if redis.call('EXISTS', key) == 1 then redis.call('DECRBY', key, ARGV[i]) end
end
"""
_ROUNDS = 3
FRESH_MS = 2_000
"""How long a count of what comes and goes is believed."""


@dataclass(frozen=True, kw_only=True)
class Count:
    """What the database says."""

    value: int
    """So many are there now; counted no further than the bound."""
    fresh_ms: int
    """How long that is believed; for what has a window, until it ends."""


@dataclass(frozen=True, kw_only=True)
class Bound:
    """One bound, and how the database counts what it bounds."""

    name: str
    """As clients read it: `ocr-per-minute`."""
    key: str
    """Its counter in Redis."""
    most: int
    detail: str
    """What a client is told when it is reached."""
    count: Callable[[], Count]
    code: str = "quota_exceeded"
    adds: bool = True
    """A job that is taken in counts at once; False: what it uses is known at its end."""
    recounts_ms: int | None = None
    """What it counts goes without being seen: a refusal by a counter older than this is made sure of first."""
    window_s: int | None = None
    """None: it bounds what is there at once."""
    resets_in_ms: int | None = None
    """Until the window ends, where that is later than the counter's own end."""
    unit: str = "requests"


@dataclass(frozen=True, kw_only=True)
class State:
    """Where a bound stands after a job was taken in or refused."""

    bound: Bound
    used: int
    left_ms: int
    """Until the counter is made anew."""

    @property
    def remaining(self) -> int:
        return max(0, self.bound.most - self.used)

    @property
    def reset_ms(self) -> int | None:
        """Until its window ends; None without a window."""
        return None if self.bound.window_s is None else self.bound.resets_in_ms or self.left_ms

    @property
    def doubtful(self) -> bool:
        """Jobs may have gone since the counter was made."""
        recounts_ms = self.bound.recounts_ms
        return recounts_ms is not None and FRESH_MS - self.left_ms > recounts_ms


@dataclass(frozen=True, kw_only=True)
class Taken:
    """How it went."""

    states: tuple[State, ...]
    refused: State | None
    """The first bound without room; None: all was counted."""


def take(bounds: Sequence[Bound], *, count: int) -> Taken:
    """Count so many jobs in, if every bound has room for all of them. One round trip while Redis has the counters.

    Without Redis the database is counted, and two at once may both take the last place.
    """
    try:
        taken = _take(bounds, count)
        for _ in bounds:
            refused = taken.refused
            if refused is None or not refused.doubtful:
                break
            call(partial(_forget, refused.bound.key))
            taken = _take(bounds, count)
        return taken
    except RedisAway:
        return by_database(bounds, count=count)


def give_back(bounds: Sequence[Bound], *, count: int) -> None:
    """They were not accepted after all."""
    added = [bound.key for bound in bounds if bound.adds]
    try:
        call(lambda redis: _script(redis, _GIVE_BACK)(keys=added, args=[count] * len(added)))
    except RedisAway:
        return  # the counters are made anew when Redis is back


def by_database(bounds: Sequence[Bound], *, count: int) -> Taken:
    """Where the bounds stand by the database alone; nothing is reserved."""
    states, refused = [], None
    for bound in bounds:
        found = bound.count()
        state = State(bound=bound, used=found.value, left_ms=found.fresh_ms)
        states.append(state)
        if refused is None and found.value + _needed(bound, count) > bound.most:
            refused = state
    return Taken(states=tuple(states), refused=refused)


def _take(bounds: Sequence[Bound], count: int) -> Taken:
    keys = [bound.key for bound in bounds]
    arguments = [
        number
        for bound in bounds
        for number in (bound.most, _needed(bound, count), count if bound.adds else 0)
    ]
    for _ in range(_ROUNDS):
        over, *answer = call(lambda redis: _script(redis, _TAKE)(keys=keys, args=arguments))
        pairs = list(zip(answer[0::2], answer[1::2], strict=True))
        if over >= 0:
            states = tuple(
                State(bound=bound, used=value, left_ms=left)
                for bound, (value, left) in zip(bounds, pairs, strict=True)
            )
            return Taken(states=states, refused=states[over - 1] if over else None)
        for bound, (value, _left) in zip(bounds, pairs, strict=True):
            if value == -1:
                _make(bound)
    raise RedisAway("counters vanish as soon as they are made")


def _make(bound: Bound) -> None:
    found = bound.count()

    def keep(redis: Redis) -> None:
        # NX: somebody else may have counted at the same time, and admitted since.
        redis.set(bound.key, found.value, px=max(1, found.fresh_ms), nx=True)

    call(keep)


@cache
def _script(redis: Redis, text: str) -> Script:
    """Sent by its digest; its text only to a Redis that has forgotten it."""
    return redis.register_script(text)


def _needed(bound: Bound, count: int) -> int:
    return count if bound.adds else 1


def _forget(key: str, redis: Redis) -> None:
    redis.delete(key)

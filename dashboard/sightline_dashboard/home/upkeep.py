"""The platform's own parts: does Redis answer, does somebody sweep?"""

from dataclasses import dataclass
from datetime import datetime

from sightline import redis_client
from sightline.fleet.models import Leader


@dataclass(frozen=True, kw_only=True)
class Upkeep:
    """What is not a queue and not a GPU."""

    redis: str
    """Empty while Redis answers, else why it does not."""
    sweeper: str
    """Who sweeps; empty: nobody, so lost wake-ups and lapsed leases stay as they are."""


def upkeep(*, now: datetime) -> Upkeep:
    """One query, and one ping that gives up with the circuit breaker."""
    try:
        redis_client.call(lambda client: client.ping())
        away = ""
    except redis_client.RedisAway as error:
        away = str(error)
    leader = Leader.objects.filter(name="sweeper", lease_until__gt=now).first()
    return Upkeep(redis=away, sweeper=leader.holder if leader else "")

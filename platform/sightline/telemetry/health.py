"""Whether the platform is ready, and what state its parts are in."""

from dataclasses import dataclass
from typing import Any

from django.db import DatabaseError, connection
from django.db.models import F

from sightline.clock import After
from sightline.fleet.models import EngineState, Group
from sightline.redis_client import RedisAway, call


@dataclass(frozen=True, kw_only=True)
class Readiness:
    """What a look at the parts found."""

    ready: bool
    """The database answers: jobs can be accepted and are kept."""
    database: str
    """ok, or what it said."""
    broker: str
    """ok or away; jobs are accepted either way."""
    engines: list[dict[str, Any]]
    """The groups that are not stopped, each with its engine's state."""

    @property
    def document(self) -> dict[str, Any]:
        """As `/readyz` shows it."""
        live = sum(engine["state"] == EngineState.LIVE for engine in self.engines)
        return {
            "status": "ready" if self.ready else "not_ready",
            "database": self.database,
            "broker": self.broker,
            "engines_live": live,
            "engines": self.engines,
        }


def look() -> Readiness:
    """Ask the database and the broker, each within its time-out."""
    try:
        engines = _engines()
        database = "ok"
    except DatabaseError as error:
        connection.close()
        return Readiness(ready=False, database=str(error)[:200] or "away", broker=_broker(), engines=[])
    return Readiness(ready=True, database=database, broker=_broker(), engines=engines)


def _engines() -> list[dict[str, Any]]:
    rows = (
        Group.objects.exclude(state=EngineState.STOPPED)
        .order_by("id")
        .annotate(now=After(), beat=F("heartbeat_at"))
    )
    return [
        {
            "group": row.id,
            "model": row.tag,
            "state": str(row.state),
            "detail": "" if row.drained_at else row.detail,  # that names who drained it
            "intake": str(row.intake),
            "drained": row.drained_at is not None,
            "restarts": row.restarts,
            "heartbeat_age_s": round((row.now - row.beat).total_seconds(), 1) if row.beat else None,
        }
        for row in rows
    ]


def _broker() -> str:
    try:
        call(lambda redis: redis.ping())
    except RedisAway:
        return "away"
    return "ok"

"""Fair queueing decided at submit: the turn orders a queue, and no claim needs to know about tenants.

Start-time fair queueing (Goyal, Vin, Cheng 1996) reduced to one number: a tenant's next turn is the greater of its
last turn and the queue's virtual time, plus what the job costs divided by the tenant's weight. Ten thousand jobs
of one tenant and ten of another interleave from the moment the ten arrive.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate
from uuid import UUID

from django.db import connection

from sightline import clock

UNIT = 1_000
"""Turns of a job of cost 1 and weight 1: room for weights up to a thousand."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """A place in a queue, and the database's time when it was given."""

    turn: int
    now: datetime


def take(*, tenant_id: UUID, queue: str, cost: int, weight: int) -> Place:
    """Give the tenant its next turn in the queue. One atomic statement; call it inside the submit transaction."""
    return _take(tenant_id, queue, _step(cost, weight))


def take_many(*, tenant_id: UUID, queue: str, costs: Sequence[int], weight: int) -> list[Place]:
    """The turns that as many calls of `take` one after the other would give; still one statement."""
    steps = [_step(cost, weight) for cost in costs]
    last = _take(tenant_id, queue, sum(steps))
    first = last.turn - sum(steps)
    return [Place(turn=first + passed, now=last.now) for passed in accumulate(steps)]


def _step(cost: int, weight: int) -> int:
    return max(1, cost * UNIT // max(1, weight))


def _take(tenant_id: UUID, queue: str, step: int) -> Place:
    greater = "MAX" if connection.vendor == "sqlite" else "GREATEST"
    # The virtual time: the lowest turn among queued first tries, else the greatest turn given. Indexed, lock-free.
    virtual = (
        "COALESCE((SELECT turn FROM jobs_job WHERE queue = %s AND status = 'queued' AND parked_until IS NULL"
        " AND tries = 0 AND crashes = 0 ORDER BY turn, id LIMIT 1),"
        " (SELECT last FROM jobs_turn WHERE queue = %s ORDER BY last DESC LIMIT 1), 0)"
    )
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO jobs_turn (tenant_id, queue, last) VALUES (%s, %s, {virtual} + %s)"  # noqa: S608
            f" ON CONFLICT (tenant_id, queue) DO UPDATE"
            f" SET last = {greater}(jobs_turn.last, excluded.last - %s) + %s"
            f" RETURNING last, {clock.after_sql()}",
            [_uuid(tenant_id), queue, queue, queue, step, step, step, clock.after_param()],
        )
        last, now = cursor.fetchall()[0]
    return Place(turn=last, now=clock.parse(now))


def _uuid(value: UUID) -> str:
    return value.hex if connection.vendor == "sqlite" else str(value)

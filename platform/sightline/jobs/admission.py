"""May one more job wait? Quotas of the tenant and limits of the queue, counted in Redis in one round trip.

Counters of what waits or runs hold what the database counted at most two seconds ago plus what was admitted since,
by every web process. What left meanwhile is not subtracted, so such a counter can only be too high, and before
anybody is refused one that is older than half a second is made anew. Counters of a minute hold until it ends. A
lost Redis costs a count, never a wrong limit: the database has all that they are made from.
"""

from sightline.celery import PREPARE
from sightline.errors import Problem
from sightline.jobs import counters, eta, quotas
from sightline.jobs.counters import State
from sightline.tenants.models import Tenant

_LONGEST_RETRY_S = 60.0


class Refused(Problem):
    """`queue_full` or `quota_exceeded` (429); `states` tells where all bounds stand."""

    status = 429

    def __init__(self, state: State, states: tuple[State, ...], *, queue: str) -> None:
        super().__init__(
            state.bound.detail,
            code=state.bound.code,
            retryable=True,
            retry_after_s=_retry_after_s(state, queue),
        )
        self.states = states


def admit(*, tenant: Tenant, queue: str, count: int = 1) -> tuple[State, ...]:
    """Reserve places for so many jobs, all or none, and where the bounds stand then; `Refused` without room."""
    taken = counters.take(quotas.bounds(tenant=tenant, queue=queue), count=count)
    if taken.refused is not None:
        raise Refused(taken.refused, taken.states, queue=queue)
    return taken.states


def withdraw(*, tenant: Tenant, queue: str, count: int = 1) -> None:
    """Give the places back: the jobs were not accepted after all."""
    counters.give_back(quotas.bounds(tenant=tenant, queue=queue), count=count)


def use(*, tenant: Tenant, kind: str) -> tuple[State, ...]:
    """Where the quotas of a kind stand by the database; nothing is reserved."""
    return counters.by_database(quotas.of_kind(tenant=tenant, kind=kind), count=0).states


def _retry_after_s(state: State, queue: str) -> float:
    if state.reset_ms is not None:
        return max(1.0, state.reset_ms / 1000)
    rate = eta.service(queue).rate if queue != PREPARE else None
    return min(_LONGEST_RETRY_S, max(1.0, 1 / rate)) if rate else 5.0

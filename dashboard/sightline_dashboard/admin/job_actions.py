"""Cancel, retry and the rest, for one job or for those that are ticked: the same services as the API."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from sightline.errors import Conflict
from sightline.jobs.models import Job
from sightline.jobs.services.move import move
from sightline.jobs.status import Status
from sightline.triage.verbs import VERBS, Verb

LARGEST_SELECTION = 200
"""Jobs that one request acts on: it must end before a proxy loses patience."""


RARER = ("expire", "quarantine", "release")
"""Verbs that one job's page offers besides cancel and retry, where they apply."""


def rarer(job: Job) -> list[Verb]:
    """Those that would do something to this job."""
    return [VERBS[name] for name in RARER if job.status in VERBS[name].applies_to and job.erased_at is None]


def moving(seats: str) -> Verb:
    """Letting a waiting job take the seats of a kind."""
    return Verb(
        name="move",
        done=f"waits for {seats} seats",
        applies_to=frozenset({Status.QUEUED}),
        act=lambda job, actor, reason: move(job=job, seats=seats, actor=actor, reason=reason),
    )


@dataclass(frozen=True, kw_only=True)
class Selection:
    """What an operator is about to act on, as the confirmation shows it."""

    jobs: Sequence[Job]
    applicable: int
    by_kind: list[tuple[str, int]]
    by_status: list[tuple[str, int]]
    too_many: bool


def select(verb: Verb, jobs: Sequence[Job]) -> Selection:
    """Count what the verb would do. `jobs` may hold one more than `LARGEST_SELECTION`, which tells "too many"."""
    return Selection(
        jobs=jobs,
        applicable=sum(job.status in verb.applies_to for job in jobs),
        by_kind=Counter(job.kind for job in jobs).most_common(),
        by_status=Counter(job.status for job in jobs).most_common(),
        too_many=len(jobs) > LARGEST_SELECTION,
    )


def act(verb: Verb, jobs: Sequence[Job], *, actor: str, reason: str = "") -> tuple[int, list[str]]:
    """(how many it was done to, why not for the others). One job's refusal stops nobody else's."""
    done, refusals = 0, []
    for job in jobs:
        if job.status not in verb.applies_to:
            refusals.append(f"{job.public_id} is {job.status}.")
            continue
        try:
            verb.act(job, actor, reason)
        except Conflict as conflict:
            refusals.append(f"{job.public_id}: {conflict.detail}")
        else:
            done += 1
    return done, refusals

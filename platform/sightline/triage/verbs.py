"""What a bulk act does to one job."""

from collections.abc import Callable
from dataclasses import dataclass

from sightline.jobs.models import Job
from sightline.jobs.services.cancel import cancel
from sightline.jobs.services.erase import erase
from sightline.jobs.services.expire import expire
from sightline.jobs.services.retry import RETRYABLE, retry
from sightline.jobs.services.set_aside import QUARANTINABLE, quarantine, release
from sightline.jobs.status import ACTIVE, TERMINAL, Status


@dataclass(frozen=True, kw_only=True)
class Verb:
    """Something that is done to jobs, through the same service as for one job."""

    name: str
    done: str
    """The participle, for messages."""
    applies_to: frozenset[str]
    """Statuses in which it does something."""
    act: Callable[[Job, str, str], object]
    """(job, actor, reason), on the audit's record; raises a `Problem` when the job has moved on meanwhile."""
    runs: bool = False
    """The jobs run again: the first few must succeed before the others follow."""
    dangerous: bool = False
    scope: str = "submit"
    """What a key needs to do it over the API, as for one job."""


VERBS: dict[str, Verb] = {
    verb.name: verb
    for verb in (
        Verb(
            name="retry",
            done="queued again",
            applies_to=frozenset(RETRYABLE),
            act=lambda job, actor, reason: retry(job=job, actor=actor, reason=reason),
            runs=True,
        ),
        Verb(
            name="cancel",
            done="cancelled",
            applies_to=frozenset(ACTIVE),
            act=lambda job, actor, reason: cancel(job=job, actor=actor, reason=reason),
            dangerous=True,
        ),
        Verb(
            name="expire",
            done="expired",
            applies_to=frozenset(ACTIVE),
            act=lambda job, actor, reason: expire(job=job, actor=actor, reason=reason),
            dangerous=True,
        ),
        Verb(
            name="quarantine",
            done="quarantined",
            applies_to=QUARANTINABLE,
            act=lambda job, actor, reason: quarantine(job=job, actor=actor, reason=reason),
            scope="admin",
            dangerous=True,
        ),
        Verb(
            name="release",
            done="released",
            applies_to=frozenset({Status.QUARANTINED}),
            act=lambda job, actor, reason: release(job=job, actor=actor, reason=reason),
            scope="admin",
            runs=True,
        ),
        Verb(
            name="erase",
            done="erased",
            applies_to=frozenset(TERMINAL),
            act=lambda job, actor, reason: erase(job=job, actor=actor, reason=reason),
            dangerous=True,
        ),
    )
}

"""End a running job with its result. Only the holder of the fence can."""

from django.db import transaction

from sightline.cache.keys import REVISION_LENGTH
from sightline.clock import After
from sightline.database import statements
from sightline.events import notify
from sightline.jobs.claims import Claim, Result
from sightline.jobs.models import Attempt, Job
from sightline.jobs.services import followers, usage
from sightline.jobs.services.announce import announce
from sightline.jobs.services.events import record
from sightline.jobs.status import AttemptOutcome, Status
from sightline.jobs.storable import storable
from sightline.sessions.services import appending as sessions
from sightline.telemetry import lifecycle

# Only what the revision in the key answered may answer for the key: during a roll-out, a job that was accepted for
# the old one may run on the new one.
_KEPT = (
    f"CASE WHEN substr(cache_key, 1, {REVISION_LENGTH}) ="  # noqa: S608
    " (SELECT g.revision FROM fleet_group g WHERE g.id = %s)"
    " THEN cache_key END"
)


def finish(*, claim: Claim, result: Result) -> bool:
    """Write the result and tell who waits; False: fenced off, the result is discarded."""
    status = Status.SUCCEEDED if result.complete else Status.INCOMPLETE
    outcome = AttemptOutcome.SUCCEEDED if result.complete else AttemptOutcome.INCOMPLETE
    timings = {"queue": claim.queued_ms, **result.timings}
    with transaction.atomic():
        written = statements.change(
            Job,
            where={"id": claim.job_id, "fence": claim.fence, "status": Status.RUNNING},
            returning=("followed", "metered", "session", "session_version", "session_inherited"),
            status=status,
            output=storable(result.output),
            finish_reason=result.finish_reason[:20],
            served_from="engine",
            usage=result.usage,
            timings=timings,
            lease_until=None,
            suspect=False,
            ended_at=After(),
            cache_key=statements.Sql(text=_KEPT, params=(claim.group,)) if result.complete else None,
        )
        if written is None:
            return False
        statements.update(
            Attempt,
            where={"job_id": claim.job_id, "run": claim.run},
            outcome=outcome,
            ended_at=After(),
            timings=result.timings,
            usage=result.usage,
        )
        record(job_id=claim.job_id, type=f"job.{status}", run=claim.run)
        announce(ended=claim, status=status)
        followed, metered, *session = written
        if result.complete and session[0] is not None:
            sessions.append(
                seen=sessions.seen(*session),
                job_id=claim.job_id,
                input=claim.input,
                output=storable(result.output),
            )
        if metered:
            usage.add(claim=claim, tokens=result.usage)
        if followed:
            followers.answer(leader=claim.job_id, status=status, result=result)
    notify.ended(job_id=claim.job_id, status=status)  # first: somebody waits
    lifecycle.ended(claim, status=status, timings=timings, usage=result.usage)
    return True

"""An attempt whose job was cancelled may go on for another job that wants the same answer."""

from sightline import clock
from sightline.jobs.claims import Claim
from sightline.jobs.models import Attempt, Job
from sightline.jobs.status import Status


def inherited(claim: Claim) -> Claim | None:
    """The claim that took the place of one that is fenced off; None: there is none, the attempt is nobody's.

    The heir of a cancelled leader is running under the very worker that ran the leader, and names it as its source.
    """
    worker = (
        Attempt.objects.filter(job_id=claim.job_id, run=claim.run).values_list("worker", flat=True).first()
    )
    heir = Job.objects.filter(source=claim.job_id, status=Status.RUNNING, worker=worker).first()
    if heir is None or not worker:
        return None
    left = heir.deadline_at - clock.now() if heir.deadline_at is not None else None
    return Claim(
        job_id=heir.pk,
        tenant_id=heir.tenant_id,
        kind=heir.kind,
        model=heir.model,
        queue=heir.queue,
        input=heir.input,
        params=heir.params,
        run=heir.run,
        tries=heir.tries,
        crashes=heir.crashes,
        solo_kills=heir.solo_kills,
        max_attempts=heir.max_attempts,
        suspect=heir.suspect,
        fence=heir.fence,
        created_at=heir.created_at,
        claimed_at=heir.claimed_at or heir.created_at,
        deadline_in_s=left.total_seconds() if left is not None else None,
        group=heir.group,
        announced=heir.announced,
        webhook_url=heir.webhook_url,
    )

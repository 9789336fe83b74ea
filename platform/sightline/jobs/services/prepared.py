"""Hand a prepared job on: its media are there and bound, and it takes its turn in its kind's queue."""

from typing import Any

from django.db import transaction

from sightline.celery import queue_name
from sightline.clock import After
from sightline.jobs import turns, wakeups
from sightline.jobs.claims import Claim
from sightline.jobs.models import Attempt, Job
from sightline.jobs.services import links
from sightline.jobs.services.events import record
from sightline.jobs.status import AttemptOutcome, Status
from sightline.telemetry import lifecycle
from sightline.tenants.models import Tenant


def prepared(
    *, claim: Claim, input: dict[str, Any], images: list[str], cost: int, timings: dict[str, float]
) -> bool:
    """Move the job from `prepare` to the queue of its kind, with its bound input and the digests of its pixels.

    One fenced transition; False: fenced off, cancelled meanwhile, say. The tries at fetching are not the engine's:
    the counters start anew.
    """
    with transaction.atomic():
        held = Job.objects.select_for_update().filter(
            pk=claim.job_id, fence=claim.fence, status=Status.RUNNING
        )
        row = held.only("seats").first()
        if row is None:  # before a turn is spent on it
            return False
        queue = queue_name(row.seats or claim.kind, claim.model)
        weight = Tenant.objects.values_list("weight", flat=True).get(pk=claim.tenant_id)
        place = turns.take(tenant_id=claim.tenant_id, queue=queue, cost=cost, weight=weight)
        Job.objects.filter(pk=claim.job_id).update(
            status=Status.QUEUED,
            prepared=True,
            queue=queue,
            turn=place.turn,
            input=input,
            images=images,
            lease_until=None,
            tries=0,
            crashes=0,
        )
        Attempt.objects.filter(job_id=claim.job_id, run=claim.run).update(
            outcome=AttemptOutcome.SUCCEEDED, ended_at=After(), timings=timings, phase="prepare"
        )
        links.keep_bound(job_id=claim.job_id, tenant_id=claim.tenant_id, input=input)
        record(job_id=claim.job_id, type="job.prepared", run=claim.run, images=len(images))
        transaction.on_commit(lambda: wakeups.publish(queue=queue))
    lifecycle.prepared(claim, timings=timings)
    return True

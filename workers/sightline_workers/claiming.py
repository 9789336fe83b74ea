"""Taking a job, for the workers of groups and for the cpu worker alike."""

import logging

from django.conf import settings
from django.db import Error, connection

from sightline.jobs.claims import Claim, Claimant
from sightline.jobs.services.claim import claim
from sightline_workers import leases

log = logging.getLogger(__name__)


def claim_next(*, queue: str, claimant: Claimant, celery_task_id: str) -> Claim | None:
    """The next job of the queue; None when there is none, or when the database is away.

    If the claim was made and only its answer lost, its lease lapses: nobody renews it.
    """
    try:
        return claim(queue=queue, claimant=claimant, celery_task_id=celery_task_id)
    except Error as error:
        log.warning("event=claim_failed queue=%s reason=%r", queue, str(error))
        connection.close()
        return None


def time_limit(claim: Claim) -> tuple[float, str]:
    """Seconds that the attempt may take, and the reason with which it is stopped then."""
    if claim.deadline_in_s is not None and claim.deadline_in_s < settings.ATTEMPT_TIMEOUT_S:
        return claim.deadline_in_s, leases.DEADLINE
    return settings.ATTEMPT_TIMEOUT_S, leases.TIMEOUT

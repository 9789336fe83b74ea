"""The states of a job. Only `jobs/services` moves a job from one to another."""

from django.db import models


class Status(models.TextChoices):
    QUEUED = "queued", "Queued"  # accepted and kept; waits for its turn, or parked until a backoff ends
    RUNNING = "running", "Running"  # a worker holds its lease
    SUCCEEDED = "succeeded", "Succeeded"  # ended with a complete, typed output
    INCOMPLETE = "incomplete", "Incomplete"  # ended with output that is cut off or looped
    FAILED = "failed", "Failed"  # ended with an error; an operator may run it again
    CANCELLED = "cancelled", "Cancelled"  # ended because somebody asked for it
    EXPIRED = "expired", "Expired"  # its deadline passed before it ended
    QUARANTINED = "quarantined", "Quarantined"  # it killed engines; its media are refused until released


TERMINAL = frozenset(
    {
        Status.SUCCEEDED,
        Status.INCOMPLETE,
        Status.FAILED,
        Status.CANCELLED,
        Status.EXPIRED,
        Status.QUARANTINED,
    }
)
ACTIVE = frozenset({Status.QUEUED, Status.RUNNING})


class AttemptOutcome(models.TextChoices):
    RUNNING = "running", "Running"  # not ended yet
    SUCCEEDED = "succeeded", "Succeeded"  # the engine answered and the kind understood it
    INCOMPLETE = "incomplete", "Incomplete"  # truncated or looping output
    PERMANENT = "permanent", "Permanent error"  # the request itself cannot succeed
    TRANSIENT = "transient", "Transient error"  # worth another try
    CRASH = "crash", "Crash"  # the worker or the engine died; no try is spent
    RELEASED = "released", "Handed back"  # the worker was draining; no try is spent
    CANCELLED = "cancelled", "Cancelled"  # somebody cancelled the job
    EXPIRED = "expired", "Expired"  # the job's deadline passed

"""What a webhook can be told: one event per terminal status of a job."""

TYPES = (
    "job.succeeded",
    "job.incomplete",
    "job.failed",
    "job.cancelled",
    "job.expired",
    "job.quarantined",
)

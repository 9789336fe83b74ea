"""The values that cross between the domain and the workers."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sightline import ids
from sightline.jobs.status import AttemptOutcome

LEASE_LAPSED = "worker_lost"
"""The failure code of a claim whose worker stopped renewing its lease."""


@dataclass(frozen=True, kw_only=True)
class Claimant:
    """Who claims: one Celery process of one group."""

    worker: str
    """The Celery node name and a token of this process's life, `gui-gpu0@host#5f3a`."""
    group: str
    """The group's id, `gpu0@host`; empty for the cpu worker, which belongs to none."""
    engine: str
    """The engine's base URL."""


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A job in a worker's hands, with the token that lets it write."""

    job_id: UUID
    tenant_id: UUID
    kind: str
    model: str
    queue: str
    input: dict[str, Any]
    params: dict[str, Any]
    run: int
    tries: int
    crashes: int
    solo_kills: int
    max_attempts: int
    suspect: bool
    fence: int
    created_at: datetime
    claimed_at: datetime
    """By the database's clock, as is `created_at`."""
    deadline_in_s: float | None
    """Seconds from the claim to the job's deadline; None without one."""
    group: str
    announced: bool = False
    """Whether webhooks are told of the job's end."""
    webhook_url: str = ""
    """The job's own webhook; empty when it named none."""

    @property
    def public_id(self) -> str:
        return ids.encode(ids.JOB, self.job_id)

    @property
    def queued_ms(self) -> float:
        return (self.claimed_at - self.created_at).total_seconds() * 1000


@dataclass(frozen=True, kw_only=True)
class Result:
    """What an attempt brought back."""

    output: dict[str, Any]
    complete: bool
    """False: cut off or looped; the job ends `incomplete`."""
    finish_reason: str
    usage: dict[str, int]
    """input_tokens, image_tokens, output_tokens."""
    timings: dict[str, float]
    """Milliseconds: prepare, ttft, decode, total."""


@dataclass(frozen=True, kw_only=True)
class Failure:
    """Why an attempt failed, classified once."""

    outcome: AttemptOutcome
    """PERMANENT, TRANSIENT, CRASH or RELEASED (nothing happened: no try is spent)."""
    code: str
    """Machine-readable: `engine_timeout`, `output_unparseable`, …"""
    message: str
    error_type: str = ""
    phase: str = "engine"
    frames: tuple[str, ...] = ()
    pointer: str = ""
    """The field of the request that is at fault, a JSON pointer; empty where no field is."""
    retry_after_s: float | None = None
    """The earliest next try, when the engine said so."""
    said: tuple[str, ...] = ()
    """What the model wrote, call by call, where that could not be parsed."""
    timings: dict[str, float] = field(default_factory=dict)

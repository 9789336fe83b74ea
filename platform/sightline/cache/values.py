"""What is looked for in the cache, and what is there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol
from uuid import UUID

if TYPE_CHECKING:
    from sightline.jobs.models import Job


@dataclass(frozen=True, kw_only=True)
class Picture:
    """An image of a request as far as answers depend on it."""

    pixel_sha256: str
    """Digest of the decoded, upright pixels and their size: the same in every container and under every name."""
    width: int
    """Pixels of the stored file, after the platform's own reduction."""
    height: int


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """A request that may have been answered before."""

    key: str
    """Revision of the model, a dot, digest of the canonical request: 56 characters."""
    prompt_key: str
    """The same with every picture left out, though not their number: requests that differ in pictures alone."""
    scope: str
    """Whose answers count: `tenant:<id>`, or `group:<name>` of tenants that share."""
    kind: str
    model: str
    """Model tag."""
    mode: str
    """exact, near or refresh."""
    ttl_s: int
    """How old an answer may be."""
    pictures: tuple[Picture, ...]
    """In prompt order."""
    media: tuple[UUID, ...]
    """Ids of the media rows behind them, in the same order."""


@dataclass(frozen=True, kw_only=True)
class Found:
    """An answer that is there."""

    tier: str
    """Where it was found: l1, l2 or near; the label of the counters."""
    source: UUID
    """The job that it was made for."""
    key: str
    """The key that this job holds. It must still do so when the hit is inserted."""
    output: dict[str, Any]
    finish_reason: str
    ended_at: datetime
    """When it was made, by the database's clock."""
    served_from: str = "cache"
    """What the job that gets it shows: cache, or near."""


@dataclass(frozen=True, kw_only=True)
class InFlight:
    """A job that is being done for the identical request."""

    leader: UUID
    queue: str
    queued: bool
    """It waits for its turn, or in a backoff; False: it runs."""
    followed: bool
    """Others follow it already."""


@dataclass(frozen=True, kw_only=True)
class Stale:
    """A row that holds the key and may not answer: too old, or the request wants a new one. The new job takes it."""

    holder: UUID


class SimilarTier(Protocol):
    """Finds answers to requests that are not identical. Asked for `mode: near` alone."""

    def find(self, wanted: Wanted) -> Found | None:
        """An answer that will do, younger than `wanted.ttl_s`; None. Outside of any transaction, not locked."""
        ...

    def keep(self, wanted: Wanted, job: Job) -> None:
        """Remember the job that is about to answer `wanted`, inside the transaction that inserts it.

        Whether it did is told by its row: it succeeded and still holds its `cache_key`.
        """
        ...

    def served(self, wanted: Wanted, found: Found, job: Job) -> None:
        """`job` was answered with what `find` found; called once its transaction committed."""
        ...

"""The values that cross between sessions and jobs."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sightline.errors import Conflict, Problem


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What a job saw of the session that it goes on from."""

    session_id: UUID
    version: int
    """Of the session when its history was read."""
    inherited: int
    """Entries of the job's input that are the session's."""


@dataclass(frozen=True, kw_only=True)
class Going:
    """A request that goes on from a session."""

    seen: Seen
    input: dict[str, Any]
    """The request's input with the history before it."""
    dropped: int
    """Steps of the history that had no room in the model's context."""


class StaleVersion(Conflict):
    """The session has changed since the client read it (409)."""

    code = "stale_version"

    def __init__(self, *, named: int, version: int) -> None:
        super().__init__(f"The session is at version {version}, not at {named}: read it, and decide anew.")


class SessionBusy(Conflict):
    """A job of the session has not ended yet (409)."""

    code = "session_busy"

    def __init__(self, job: str) -> None:
        super().__init__(
            f"{job} goes on from this session and has not ended. Wait for it, or cancel it: answers are added one"
            " after another.",
            retryable=True,
            retry_after_s=1,
        )


class SessionErased(Problem):
    """Its history is gone (410)."""

    code, status = "output_expired", 410

    def __init__(self) -> None:
        super().__init__("The session was erased.")

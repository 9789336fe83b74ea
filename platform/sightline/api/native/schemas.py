"""What the API answers with, as schemas: the OpenAPI document shows them, and tests hold the answers against them."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, RootModel, create_model

from sightline.api.native.request import JobRequest
from sightline.jobs.status import AttemptOutcome, Status
from sightline.kinds.registry import KINDS
from sightline.kinds.text import STORABLE

_REQUESTS = tuple(
    create_model(
        f"{name.capitalize()}Job",
        __base__=JobRequest,
        __doc__=f"A {name} job.",
        kind=(Literal[name], ...),  # type: ignore[arg-type]
        input=(kind.Input, ...),
        params=(kind.Params, Field(default_factory=kind.Params)),
    )
    for name, kind in KINDS.items()
)


class NewJob(RootModel[Annotated[_REQUESTS[0] | _REQUESTS[1] | _REQUESTS[2], Field(discriminator="kind")]]):  # type: ignore[valid-type]
    """A job to be done, by kind."""


class Replay(BaseModel):
    """What the new job has otherwise; what is left out is as the old one had it."""

    model_config = ConfigDict(
        extra="forbid", strict=True, json_schema_extra={"examples": [{"model": "default"}]}
    )

    model: Any = Field(default=None, description="Another model tag.")
    input: dict[str, Any] = Field(
        default_factory=dict,
        description="Fields of the input that replace the old ones, such as instruction.",
    )
    params: dict[str, Any] = Field(
        default_factory=dict,
        description="Parameters that replace the old ones, pixels among them; null removes one.",
    )
    deadline_ms: Any = Field(default=None, description="A new deadline; the old one's is not taken over.")
    max_attempts: Any = None
    retention_s: Any = None
    stream: Any = None
    cache: Any = Field(default=None, description="Left out: refresh, so that it runs.")
    webhook: Any = Field(default=None, description="The old one's is not taken over.")
    tags: Any = None
    metadata: Any = None


_REASON = Field(default="", max_length=500, description="For the audit's record.")


class Reason(BaseModel):
    """Why something is done to a job."""

    model_config = ConfigDict(extra="forbid", strict=True)

    reason: Annotated[str, STORABLE] = _REASON


class Retry(Reason):
    """What the job is asked instead; left out, the same again."""

    input: dict[str, Any] = Field(
        default_factory=dict, description="Fields of the input that replace the old ones."
    )
    params: dict[str, Any] = Field(
        default_factory=dict, description="Parameters that replace the old ones; null removes one."
    )


class Move(Reason):
    """Another class."""

    seats: Literal[tuple(KINDS)] = Field(description="The kind whose seats it takes from now on.")  # type: ignore[valid-type]


class Shown(BaseModel):
    """Base of all answers."""

    model_config = ConfigDict(extra="forbid")


class ErrorView(Shown):
    """Why a job failed."""

    code: str
    message: str
    retryable: bool
    pointer: str | None = Field(default=None, description="JSON pointer to the field at fault, where one is.")


class QueuePlace(Shown):
    """Where a queued job stands."""

    position: int | None = Field(description="From 1; null beyond the first thousand.")
    eta_ms: tuple[int, int] | None = Field(description="Milliseconds until it ends, at best and at worst.")


class AttemptError(Shown):
    """Why an attempt failed."""

    code: str
    message: str
    fingerprint: str | None = Field(description="The same for failures of one cause; lists filter by it.")


class AttemptView(Shown):
    """One run of a job."""

    run: int
    outcome: Literal[tuple(AttemptOutcome.values)]  # type: ignore[valid-type]
    worker: str
    started_at: datetime
    ended_at: datetime | None
    timings_ms: dict[str, float] | None
    error: AttemptError | None


class CacheView(Shown):
    """How a job used earlier answers."""

    mode: Literal["exact", "near", "refresh", "off"]
    age_s: float | None = Field(description="How old the answer was that it got; null for one of its own.")


class SeenSession(Shown):
    """The session of a job."""

    id: str
    version: int = Field(description="Of the session, when the job read its history.")


class JobSummary(Shown):
    """A job without its input and output."""

    id: str = Field(pattern=r"^job_[0-9A-HJKMNP-TV-Z]{26}$")
    object: Literal["job"]
    kind: Literal[tuple(KINDS)]  # type: ignore[valid-type]
    model: str
    status: Literal[tuple(Status.values)]  # type: ignore[valid-type]
    attempt: int = Field(description="Runs so far.")
    max_attempts: int
    served_from: Literal["engine", "cache", "near", "coalesced"] | None = Field(
        description="engine; cache: an earlier answer to the identical request; near: to a request with nearly the"
        " same pictures; coalesced: the answer to an identical request that was being made."
    )
    cache: CacheView
    finish_reason: str | None
    error: ErrorView | None
    tags: list[str]
    metadata: dict[str, Any]
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    expires_at: datetime | None = Field(description="The deadline.")
    retention_s: int
    replay_of: str | None = Field(description="The job that this one was made from by a replay.")
    session: SeenSession | None = Field(description="The session that it goes on from.")
    links: dict[str, str]


class JobAccepted(JobSummary):
    """A job as the answer to its submission."""

    queue: QueuePlace


class JobView(JobSummary):
    """A job with all that is known of it."""

    queue: QueuePlace | None = Field(default=None, description="While it is queued.")
    input: dict[str, Any] = Field(description="As kept: images are named by digest and size.")
    params: dict[str, Any]
    output: dict[str, Any] | None = Field(default=None, description="Once it ended; by the kind's schema.")
    usage: dict[str, int] | None = None
    timings_ms: dict[str, float] | None = None
    attempts: list[AttemptView]


class JobList(Shown):
    """A page of jobs."""

    object: Literal["list"]
    data: list[JobSummary]
    has_more: bool
    next_cursor: str | None = Field(description="For ?cursor= of the next page.")


class Blocking(BaseModel):
    """What keeps a job waiting."""

    cause: str = Field(
        description="queue_paused, backoff, probation, no_group, drained, engine_not_live, no_seats, jobs_ahead,"
        " seats_busy, preparing, coalesced, none, or the status of a job that does not wait."
    )
    detail: str
    job: str | None = Field(
        default=None, description="The job whose answer it waits for, if it is one of yours."
    )
    since: datetime | None = None
    until: datetime | None = None


class Explanation(Shown):
    """Why a job waits."""

    id: str
    object: Literal["job.explanation"]
    kind: str
    model: str
    status: str
    attempt: int
    queue: str
    position: int | None
    ahead: dict[str, int] = Field(description="Jobs that come first, by kind.")
    running: dict[str, int] = Field(description="Jobs that run on the same model, by kind.")
    seats: int | None = None
    rate_per_s: float | None = None
    eta_ms: tuple[int, int] | None
    blocking: Blocking


class Upload(Shown):
    """A stored image."""

    id: str
    object: Literal["upload"]
    sha256: str
    mime: str
    bytes: int
    width: int = Field(description="Pixels, after EXIF orientation.")
    height: int = Field(description="Pixels, after EXIF orientation.")
    created_at: datetime


class QueueState(Shown):
    """A queue at this moment."""

    object: Literal["queue"]
    kind: str
    model: str
    queue: str
    paused: bool
    paused_at: datetime | None
    paused_by: str | None
    depth: int = Field(description="Jobs that wait and can be claimed.")
    parked: int = Field(description="Jobs in backoff.")
    oldest_age_s: float | None
    in_flight: int
    seats: int
    rate_per_s: float | None = Field(description="Jobs that ended per second, lately.")


class GroupState(Shown):
    """A GPU group at this moment."""

    id: str
    object: Literal["group"]
    model: str
    gpus: list[str] = Field(description="GPU UUIDs; none on a CPU.")
    state: Literal["starting", "live", "hung", "restarting", "failed", "stopped"]
    intake: Literal["open", "probation", "closed"]
    drained: bool
    seats: dict[str, int] = Field(description="By kind, as they are now.")
    seats_started_with: dict[str, int] = Field(description="All seats together are at most these together.")
    kv_tokens: int | None
    restarts: int
    detail: str
    readings: dict[str, float | None] = Field(description="What was last measured of engine and GPUs.")
    heartbeat_at: datetime | None


class GroupList(Shown):
    """Every group."""

    object: Literal["list"]
    data: list[GroupState]


class FieldProblem(Shown):
    """One field and what is wrong with it."""

    pointer: str = Field(description="JSON pointer into the body; ?name for a query parameter.")
    detail: str


class ProblemView(Shown):
    """RFC 9457 problem document."""

    model_config = ConfigDict(title="Problem", extra="forbid")

    type: str
    title: str
    status: int
    detail: str
    code: str
    retryable: bool
    errors: list[FieldProblem]
    trace_id: str

"""Bulk acts as the API takes and shows them."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from sightline.api.native.schemas import Shown
from sightline.kinds.text import STORABLE
from sightline.triage.search import LONGEST
from sightline.triage.verbs import VERBS

State = Literal["frozen", "canary", "halted", "running", "done", "stopped"]
Search = Annotated[
    str,
    Field(
        min_length=1,
        max_length=LONGEST,
        description='As the search box takes it: `kind:ocr status:failed error:"out of memory" tag:nightly`.',
    ),
    STORABLE,
]


class NewBulk(BaseModel):
    """An act on the jobs that match now."""

    model_config = ConfigDict(extra="forbid", strict=True)

    action: Literal[tuple(VERBS)]  # type: ignore[valid-type]
    search: Search
    reason: Annotated[str, Field(max_length=500), STORABLE] = ""


class BulkSummary(Shown):
    """What was chosen."""

    by_kind: dict[str, int]
    by_tenant: dict[str, int]
    by_status: dict[str, int]
    oldest: datetime | None
    gpu_seconds: float | None = Field(
        description="What a retry takes of a GPU, about; null: none ran lately."
    )


class BulkView(Shown):
    """A bulk act."""

    id: str = Field(pattern=r"^blk_[0-9A-HJKMNP-TV-Z]{26}$")
    object: Literal["bulk"]
    action: Literal[tuple(VERBS)]  # type: ignore[valid-type]
    search: str
    state: State = Field(
        description="frozen: chosen and counted; canary: the first three run; halted: one of them failed again."
    )
    detail: str
    total: int
    done: int
    failed: int = Field(description="Jobs that refused; their items say why.")
    summary: BulkSummary
    outcomes: dict[str, int] = Field(description="Where the jobs that were acted on stand now, by status.")
    reason: str
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None


class BulkList(Shown):
    """The latest acts, newest first."""

    object: Literal["list"]
    data: list[BulkView]


class BulkItemView(Shown):
    """One job of an act."""

    job: str = Field(pattern=r"^job_[0-9A-HJKMNP-TV-Z]{26}$")
    state: Literal["pending", "done", "failed"]
    detail: str


class BulkItems(Shown):
    """A page of an act's jobs."""

    object: Literal["list"]
    data: list[BulkItemView]
    has_more: bool
    next_cursor: str | None

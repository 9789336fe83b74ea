"""Two jobs side by side, as the API shows them."""

from typing import Any, Literal

from pydantic import Field

from sightline.api.native.schemas import Shown
from sightline.jobs.status import Status
from sightline.kinds.registry import KINDS


class ComparedJob(Shown):
    """One of the two."""

    id: str = Field(pattern=r"^job_[0-9A-HJKMNP-TV-Z]{26}$")
    model: str
    status: Literal[tuple(Status.values)]  # type: ignore[valid-type]


class AskedView(Shown):
    """Something that was asked otherwise."""

    name: str = Field(description="`model`, `params.temperature`, `input.instruction`.")
    first: Any = Field(description="null: not there.")
    second: Any


class ArgumentView(Shown):
    """An argument of an action that differs, or a value that a kie page has under a name."""

    name: str
    first: Any
    second: Any


class ActionView(Shown):
    """Two actions on one screenshot."""

    first: str = Field(description="Its name, such as left_click; empty: none.")
    second: str
    same: bool = Field(description="The same action in the same place with the same arguments.")
    distance_px: float | None = Field(
        description="Between the points, in pixels of the screenshot; of a drag the larger one of its two ends."
    )
    distance_share: float | None = Field(description="The same as a share of the screenshot's diagonal.")
    within_px: float = Field(
        description="Up to this distance two points are the same place: the least target of WCAG 2.2 (2.5.8)."
    )
    same_place: bool | None
    arguments: list[ArgumentView] = Field(description="Every other argument that differs.")


class RunView(Shown):
    """A piece of the two texts."""

    change: Literal["same", "less", "more"] = Field(
        description="less: only the first has it; more: the second."
    )
    text: str


class TextView(Shown):
    """The second text against the first."""

    distance: int = Field(description="Levenshtein's distance in characters.")
    first_length: int
    second_length: int
    error_rate: float | None = Field(
        description="Character error rate: the distance over the first's length; null: the first is empty."
    )
    cut: bool = Field(description="Only the first 50,000 characters were compared.")
    runs: list[RunView]


class MatchView(Shown):
    """Two boxes that are the same one."""

    first: str = Field(description="The block's id.")
    second: str
    iou: float = Field(description="Intersection over union, 0.5 to 1.")


class BoxesView(Shown):
    """The boxes of a page, matched greedily from an IoU of 0.5 on."""

    mean_iou: float | None = Field(description="Of the matched ones.")
    f1: float | None
    matches: list[MatchView]
    only_first: list[str]
    only_second: list[str]


class PageView(Shown):
    """One page of ocr."""

    page: int
    text: TextView
    boxes: BoxesView | None
    fields: list[ArgumentView] = Field(description="Every value that either found.")


class QuantityView(Shown):
    """A number of both."""

    name: str
    first: float | None
    second: float | None
    change: float | None = Field(description="0.1: the second is 10 % larger.")


class ComparisonView(Shown):
    """The second job against the first. What needs both outputs is null or empty until both are there."""

    object: Literal["comparison"]
    kind: Literal[tuple(KINDS)]  # type: ignore[valid-type]
    first: ComparedJob
    second: ComparedJob
    ended: bool = Field(description="Both have ended.")
    asked: list[AskedView] = Field(description="What differs between the requests.")
    error_rate: float | None = Field(description="Character error rate over all texts.")
    mean_iou: float | None = Field(description="Over the matched boxes of all pages.")
    action: ActionView | None = Field(description="gui.")
    text: TextView | None = Field(description="chat: the answer; gui: what the model wrote.")
    pages: list[PageView] = Field(description="ocr.")
    tokens: list[QuantityView]
    phases: list[QuantityView] = Field(description="Milliseconds.")

"""Alerts, rules and channels as the API takes and shows them."""

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from sightline.api.native.schemas import Shown
from sightline.kinds.text import STORABLE

RuleMetric = Literal["depth", "oldest_age_s", "failure_rate", "burn", "engine_down"]
State = Literal["pending", "firing", "resolved"]
Name = Annotated[str, Field(min_length=1, max_length=80), STORABLE]
Scope = Annotated[
    str,
    Field(
        max_length=150, description="A queue (gui.default), a kind (gui) or a group (gpu0@host); empty: each."
    ),
    STORABLE,
]
Threshold = Annotated[
    float, Field(gt=0, lt=1e12, allow_inf_nan=False, description="Broken at this value or above.")
]
Seconds = Annotated[int, Field(ge=0, le=604_800)]
Channels = Annotated[list[str], Field(max_length=50, description="Ids of channels that are told.")]


class NewRule(BaseModel):
    """What must not be, for how long it may be, and who is told."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: Name
    metric: RuleMetric
    scope: Scope = ""
    threshold: Threshold = 1.0
    clear_below: Threshold | None = Field(
        default=None, description="Good again below this; null: below the threshold."
    )
    for_s: Seconds = 60
    clear_for_s: Seconds = 60
    least_jobs: Annotated[int, Field(ge=0, le=10**6)] = 20
    enabled: bool = True
    channels: Channels = []


class RulePatch(BaseModel):
    """What is to change of a rule."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: Name | None = None
    scope: Scope | None = None
    threshold: Threshold | None = None
    clear_below: Threshold | None = None
    for_s: Seconds | None = None
    clear_for_s: Seconds | None = None
    least_jobs: Annotated[int, Field(ge=0, le=10**6)] | None = None
    enabled: bool | None = None
    channels: Channels | None = None

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("name what is to change")
        return self


class Mute(BaseModel):
    """For how long nobody is told."""

    model_config = ConfigDict(extra="forbid", strict=True)

    hours: float = Field(ge=0, le=720, allow_inf_nan=False, description="0: tell again.")


class NewChannel(BaseModel):
    """Somebody to tell."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: Annotated[str, Field(min_length=1, max_length=200), STORABLE]
    url: Annotated[
        str,
        Field(
            min_length=1, max_length=2048, description="https://… for signed webhooks, mailto:… for mails."
        ),
        STORABLE,
    ]


class ChannelPatch(BaseModel):
    """Switch it."""

    model_config = ConfigDict(extra="forbid", strict=True)

    enabled: bool


class RuleView(Shown):
    """A rule."""

    id: str = Field(pattern=r"^rule_[0-9A-HJKMNP-TV-Z]{26}$")
    object: Literal["alert_rule"]
    name: str
    metric: RuleMetric
    scope: str
    threshold: float
    clear_below: float | None
    for_s: int
    clear_for_s: int
    least_jobs: int
    enabled: bool
    channels: list[str]
    muted_until: datetime | None
    firing: int = Field(description="Alerts of this rule that fire now.")
    updated_at: datetime
    updated_by: str


class RuleList(Shown):
    """All rules, by name."""

    object: Literal["list"]
    data: list[RuleView]


class AlertView(Shown):
    """One time that a rule was broken."""

    id: str = Field(pattern=r"^alert_[0-9A-HJKMNP-TV-Z]{26}$")
    object: Literal["alert"]
    rule: str
    name: str
    metric: RuleMetric
    subject: str = Field(description="The queue or the group.")
    state: State
    value: float
    peak: float
    detail: str
    since: datetime
    fired_at: datetime | None
    told_at: datetime | None
    resolved_at: datetime | None
    url: str = Field(description="What it is about, in the admin.")


class AlertList(Shown):
    """The latest alerts, newest first."""

    object: Literal["list"]
    data: list[AlertView]


class ChannelView(Shown):
    """Somebody who is told."""

    id: str = Field(pattern=r"^channel_[0-9A-HJKMNP-TV-Z]{26}$")
    object: Literal["alert_channel"]
    name: str
    url: str
    enabled: bool
    failures: int = Field(
        description="Tries that failed since the last that did not; after 50 it is switched off."
    )
    disabled_reason: str
    created_at: datetime


class ChannelWithSecret(ChannelView):
    """A new channel."""

    secret: str = Field(description="Signs its webhooks, whsec_….")


class ChannelList(Shown):
    """All channels."""

    object: Literal["list"]
    data: list[ChannelView]


class TestSent(Shown):
    """A test that is on its way."""

    object: Literal["alert_test"]
    channels: int

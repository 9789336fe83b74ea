"""Webhooks as the API takes and shows them."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from sightline.api.native.request import deliverable
from sightline.api.native.schemas import Shown
from sightline.kinds.text import STORABLE
from sightline.webhooks.events import TYPES
from sightline.webhooks.models import DeliveryState

EventType = Literal[TYPES]  # type: ignore[valid-type]
Events = Annotated[list[EventType], Field(max_length=len(TYPES), description="Left out or empty: all.")]
Url = Annotated[str, Field(min_length=8, max_length=2048, description="An http or https address.")]
Description = Annotated[str, Field(max_length=200), STORABLE]


class NewEndpoint(BaseModel):
    """An address that is to be told of jobs."""

    model_config = ConfigDict(extra="forbid", strict=True)

    url: Url
    events: Events = Field(default_factory=list)
    description: Description = ""

    _url = field_validator("url")(deliverable)


class EndpointPatch(BaseModel):
    """What may be changed; what is left out stays."""

    model_config = ConfigDict(extra="forbid", strict=True)

    url: Url | None = None
    events: Events | None = None
    description: Description | None = None
    disabled: bool | None = Field(default=None, description="true: deliver nothing; false: deliver again.")

    _url = field_validator("url")(lambda url: deliverable(url) if url is not None else None)


class EndpointView(Shown):
    """An endpoint."""

    id: str = Field(pattern=r"^whe_[0-9A-HJKMNP-TV-Z]{26}$")
    object: Literal["webhook_endpoint"]
    url: str | None = Field(description="null: signs what goes to the addresses that single jobs name.")
    events: list[str] = Field(description="Empty: all.")
    description: str
    disabled_at: datetime | None
    disabled_reason: str | None
    failures: int = Field(description="Attempts that failed since the last success.")
    created_at: datetime


class EndpointWithSecret(EndpointView):
    """An endpoint and the secret that verifies its messages."""

    secret: str = Field(description="whsec_…")


class EndpointList(Shown):
    """All endpoints of the tenant, newest first."""

    object: Literal["list"]
    data: list[EndpointView]


class SecretView(Shown):
    """The secret of an endpoint."""

    object: Literal["webhook_secret"]
    secret: str = Field(description="whsec_…")
    previous_valid_until: datetime | None = Field(
        description="Until then messages carry a signature by the previous secret as well."
    )


class DeliveryAttemptView(Shown):
    """One request to the receiver."""

    at: datetime
    duration_ms: float
    status: int | None = Field(description="HTTP status; null when none came.")
    error: str | None
    response: str | None = Field(description="The beginning of a refusal's body.")


class DeliveryView(Shown):
    """A message and how its delivery went."""

    id: str = Field(pattern=r"^msg_[0-9A-HJKMNP-TV-Z]{26}$", description="The webhook-id of every attempt.")
    object: Literal["webhook_delivery"]
    endpoint: str
    url: str
    type: str
    job: str
    state: Literal[tuple(DeliveryState.values)]  # type: ignore[valid-type]
    tries: int = Field(description="Attempts since it was made or redelivered.")
    next_attempt_at: datetime | None
    created_at: datetime
    ended_at: datetime | None
    attempts: list[DeliveryAttemptView]


class DeliveryList(Shown):
    """A page of deliveries, newest first."""

    object: Literal["list"]
    data: list[DeliveryView]
    has_more: bool
    next_cursor: str | None = Field(description="For ?cursor= of the next page.")

"""What sessions are made of, asked and shown."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, RootModel

from sightline.api.native.request import (
    LONGEST_RETENTION_S,
    MOST_METADATA,
    MetadataFloat,
    MetadataInteger,
    MetadataKey,
    MetadataText,
)
from sightline.api.native.schemas import Shown
from sightline.kinds.chat.messages import AssistantMessage, LongText, ToolMessage, UserMessage
from sightline.kinds.text import STORABLE

MOST_ENTRIES = 200
"""Of one step that is added by hand."""

Metadata = Annotated[
    dict[MetadataKey, MetadataText | MetadataInteger | MetadataFloat | bool | None],
    Field(max_length=MOST_METADATA, description="Yours; kept and given back."),
]
Version = Annotated[
    int | None,
    Field(ge=0, le=2**31 - 1, description="The version that you change: 409 when it is another one by now."),
]
Retention = Annotated[
    int | None,
    Field(ge=60, le=LONGEST_RETENTION_S, description="Deleted when nobody used it for so long."),
]
System = Annotated[LongText, Field(description="The system message of its chats.")]
Said = Annotated[UserMessage | AssistantMessage | ToolMessage, Field(discriminator="role")]
Messages = Annotated[list[Said], Field(min_length=1, max_length=MOST_ENTRIES)]
Sentence = Annotated[str, Field(min_length=1, max_length=4000), STORABLE]
History = Annotated[list[Sentence], Field(min_length=1, max_length=MOST_ENTRIES)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class NewChatSession(_Strict):
    """A dialogue."""

    kind: Literal["chat"]
    system: System = ""
    messages: Messages | None = Field(
        default=None, description="What was said before, without a system message."
    )
    metadata: Metadata = Field(default_factory=dict)
    retention_s: Retention = None


class NewGuiSession(_Strict):
    """The run of a GUI agent."""

    kind: Literal["gui"]
    history: History | None = Field(default=None, description="What was done before, oldest first.")
    metadata: Metadata = Field(default_factory=dict)
    retention_s: Retention = None


class NewSession(RootModel[Annotated[NewChatSession | NewGuiSession, Field(discriminator="kind")]]):
    """A session to be made."""


class SessionChange(_Strict):
    """What is to be otherwise; what is left out stays."""

    version: Version = None
    system: System | None = None
    metadata: Metadata | None = None
    retention_s: Retention = None


class NewChatStep(_Strict):
    """Messages to add without a job."""

    version: Version = None
    messages: Messages


class NewGuiStep(_Strict):
    """Sentences to add without a job."""

    version: Version = None
    history: History


class NewStep(RootModel[NewChatStep | NewGuiStep]):
    """A step by hand: messages for a chat session, history for a gui one."""


class SessionView(Shown):
    """A session."""

    id: str = Field(pattern=r"^ses_[0-9A-HJKMNP-TV-Z]{26}$")
    object: Literal["session"]
    kind: Literal["chat", "gui"]
    version: int = Field(description="Counts every change.")
    system: str
    metadata: dict[str, Any]
    steps: int
    tokens: int = Field(description="That the whole history takes in a prompt, estimated.")
    done: Literal["success", "failure"] | None = Field(
        description="Whether the agent ended its run, and how."
    )
    job: str | None = Field(description="The job that goes on from it now; until it ends, no other may.")
    retention_s: int
    created_at: datetime
    used_at: datetime
    links: dict[str, str]


class SessionList(Shown):
    """A page of sessions."""

    object: Literal["list"]
    data: list[SessionView]
    has_more: bool
    next_cursor: str | None = Field(description="For ?cursor= of the next page.")


class StepView(Shown):
    """What was added at once."""

    number: int = Field(description="The version of the session that it made.")
    object: Literal["session.step"]
    job: str | None = Field(description="The job that brought it; null: it was added by hand.")
    seen: int = Field(description="The version that it went on from.")
    entries: list[dict[str, Any]] = Field(
        description="chat: messages, images named by digest and size. gui: text, and arguments of the model's action."
    )
    tokens: int
    created_at: datetime


class StepList(Shown):
    """A page of a history, oldest first."""

    object: Literal["list"]
    data: list[StepView]
    has_more: bool
    next_cursor: str | None

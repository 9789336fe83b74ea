"""OpenAI's chat messages: roles, text and image parts, tool calls."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, field_validator, model_validator
from pydantic_core import PydanticCustomError

from sightline.kinds.images import ImageRef
from sightline.kinds.text import STORABLE, JsonObject

MAX_TEXT = 1_500_000
"""Characters of one text: more than the longest context holds."""

LongText = Annotated[str, Field(max_length=MAX_TEXT), STORABLE]
Name = Annotated[str, Field(min_length=1, max_length=128), STORABLE]


class Strict(BaseModel):
    """Refuses unknown fields by name, converts nothing."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class TextPart(Strict):
    """A text part."""

    type: Literal["text"]
    text: LongText


class ImageAddress(Strict):
    """OpenAI's image_url: a data URI or an address as `url`, or ours: `upload_id`."""

    url: Annotated[str, STORABLE] | None = Field(
        default=None, description="data:…;base64,… or an https address."
    )
    upload_id: str | None = None
    detail: Literal["auto", "low", "high"] | None = None

    @model_validator(mode="after")
    def _is_a_reference(self) -> ImageAddress:
        self.reference()
        return self

    def reference(self) -> ImageRef:
        """The same as an ImageRef."""
        if (self.url is None) == (self.upload_id is None):
            raise PydanticCustomError("image_source", "give exactly one of url and upload_id")
        if self.upload_id is not None:
            if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", self.upload_id):
                raise PydanticCustomError("image_source", "upload_id is not the id of an upload")
            return ImageRef(upload_id=self.upload_id, detail=self.detail)
        url = self.url or ""
        if url[:5].lower() == "data:":
            if "," not in url[:260]:
                raise PydanticCustomError("image_source", "url must be like data:image/png;base64,…")
            return ImageRef(data=url, detail=self.detail)
        if not url.lower().startswith(("http://", "https://")) or len(url) > 8192 or _blank(url):
            raise PydanticCustomError("image_source", "url must be a data URI or an http or https address")
        return ImageRef(url=url, detail=self.detail)


def _blank(url: str) -> bool:
    return any(character.isspace() or character == "\x00" for character in url) or url.endswith("://")


class ImagePart(Strict):
    """An image part."""

    type: Literal["image_url"]
    image_url: ImageAddress


class VideoPart(Strict):
    """Known, so that it can be refused clearly."""

    type: Literal["video_url"]
    video_url: Any

    @field_validator("video_url")
    @classmethod
    def _refused(cls, value: Any) -> Any:
        raise PydanticCustomError("unsupported", "video is not supported yet")


Part = Annotated[TextPart | ImagePart | VideoPart, Field(discriminator="type")]


def _content_form(value: Any) -> str:
    return "parts" if isinstance(value, list) else "text"


TextContent = Annotated[
    Annotated[LongText, Tag("text")] | Annotated[list[TextPart], Tag("parts")], Discriminator(_content_form)
]
MixedContent = Annotated[
    Annotated[LongText, Tag("text")] | Annotated[Annotated[list[Part], Field(min_length=1)], Tag("parts")],
    Discriminator(_content_form),
]


class FunctionCall(Strict):
    """The function that the model called."""

    name: Name
    arguments: LongText = Field(description="JSON as a string.")


class ToolCall(Strict):
    """A call that an assistant message made."""

    id: Name
    type: Literal["function"] = "function"
    function: FunctionCall
    index: int | None = None


class SystemMessage(Strict):
    """Instructions."""

    role: Literal["system", "developer"]
    content: TextContent
    name: Name | None = None


class UserMessage(Strict):
    """What the user says and shows."""

    role: Literal["user"]
    content: MixedContent
    name: Name | None = None


class AssistantMessage(Strict):
    """An earlier answer. Fields that OpenAI's clients send back with it are accepted and dropped."""

    role: Literal["assistant"]
    content: TextContent | None = None
    tool_calls: Annotated[list[ToolCall], Field(max_length=128)] | None = None
    name: Name | None = None
    refusal: str | None = None
    reasoning: str | None = None
    reasoning_content: str | None = None
    annotations: list[Any] | None = None
    audio: None = None
    function_call: None = None

    @model_validator(mode="after")
    def _says_something(self) -> AssistantMessage:
        if self.content is None and not self.tool_calls:
            raise PydanticCustomError("empty_message", "an assistant message needs content or tool_calls")
        return self


class ToolMessage(Strict):
    """A tool's result."""

    role: Literal["tool"]
    content: TextContent
    tool_call_id: Name
    name: Name | None = None


Message = Annotated[SystemMessage | UserMessage | AssistantMessage | ToolMessage, Field(discriminator="role")]


class FunctionSpec(Strict):
    """A function that the model may call."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$"), STORABLE]
    description: LongText | None = None
    parameters: JsonObject | None = Field(default=None, description="JSON schema of the arguments.")
    strict: bool | None = None


class ToolSpec(Strict):
    """A tool that the model may call."""

    type: Literal["function"]
    function: FunctionSpec

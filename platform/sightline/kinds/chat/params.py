"""Parameters of a chat job: sampling, response_format, tools."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Discriminator, Field, Tag, model_validator
from pydantic_core import PydanticCustomError

from sightline.kinds.chat.messages import LongText, Name, Strict, ToolSpec
from sightline.kinds.sampling import SamplingParams
from sightline.kinds.text import JsonObject


class TextFormat(Strict):
    """Free text."""

    type: Literal["text"]


class JsonFormat(Strict):
    """Any JSON object."""

    type: Literal["json_object"]


class JsonSchema(Strict):
    """A named JSON schema."""

    model_config = ConfigDict(serialize_by_alias=True, validate_by_alias=True)

    name: Name
    description: LongText | None = None
    schema_: JsonObject = Field(alias="schema")
    strict: bool | None = None


class SchemaFormat(Strict):
    """JSON that matches a schema."""

    type: Literal["json_schema"]
    json_schema: JsonSchema


ResponseFormat = Annotated[TextFormat | JsonFormat | SchemaFormat, Field(discriminator="type")]


class NamedFunction(Strict):
    """The function to call."""

    name: Name


class NamedTool(Strict):
    """Makes the model call one function."""

    type: Literal["function"]
    function: NamedFunction


def _choice_form(value: Any) -> str:
    return "named" if isinstance(value, dict | NamedTool) else "word"


ToolChoice = Annotated[
    Annotated[Literal["none", "auto", "required"], Tag("word")] | Annotated[NamedTool, Tag("named")],
    Discriminator(_choice_form),
]


class ChatParams(SamplingParams):
    """Parameters of a chat job; by default temperature 0.7, top_p 0.8, top_k 20."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"max_tokens": 256, "temperature": 0.2, "seed": 7}]}
    )

    response_format: ResponseFormat | None = None
    tools: Annotated[list[ToolSpec], Field(min_length=1, max_length=128)] | None = None
    tool_choice: ToolChoice | None = None

    @model_validator(mode="after")
    def _choice_has_a_tool(self) -> ChatParams:
        names = {tool.function.name for tool in self.tools or ()}
        choice = self.tool_choice
        if choice in ("required", "auto") and not names:
            raise PydanticCustomError("tools_missing", "tool_choice {choice} needs tools", {"choice": choice})
        if isinstance(choice, NamedTool) and choice.function.name not in names:
            raise PydanticCustomError("tools_missing", "tool_choice names a function that is not in tools")
        return self

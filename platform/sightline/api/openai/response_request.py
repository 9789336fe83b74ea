"""A `/v1/responses` request, and the chat job that it becomes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import ConfigDict, Discriminator, Field, Tag

from sightline.api.openai.images import Uploads
from sightline.api.openai.request import Common, Strict, chat_job, read_as
from sightline.api.openai.response_history import follow
from sightline.api.openai.response_items import Item, text_or_list, to_messages
from sightline.errors import FieldError, InvalidInput, Problem
from sightline.jobs.models import Job
from sightline.responses.models import Response
from sightline.tenants.models import Tenant

UNSTORED_S = 60
"""How long a job is kept whose response is not to be stored: until its client has read it."""


class TextFormat(Strict):
    """Free text, or any JSON object."""

    model_config = ConfigDict(title="ResponseTextFormat")

    type: Literal["text", "json_object"]


class SchemaFormat(Strict):
    """JSON that matches a schema."""

    model_config = ConfigDict(title="ResponseSchemaFormat", validate_by_alias=True, serialize_by_alias=True)

    type: Literal["json_schema"]
    name: str
    schema_: dict[str, Any] = Field(alias="schema")
    description: str | None = None
    strict: bool | None = None


class TextOptions(Strict):
    """The form of the answer."""

    format: Annotated[TextFormat | SchemaFormat, Field(discriminator="type")] | None = None


class FunctionTool(Strict):
    """A function that the model may call. Tools that OpenAI runs itself are not there."""

    type: Literal["function"]
    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class NamedFunction(Strict):
    """Makes the model call one function."""

    model_config = ConfigDict(title="ResponseNamedFunction")

    type: Literal["function"]
    name: str


class ResponseStreamOptions(Strict):
    """How it is streamed."""

    include_obfuscation: Literal[False] | None = None


class ResponseRequest(Common):
    """OpenAI's request. A field that is not here is refused by name; values are checked as a chat job's."""

    input: Annotated[
        Annotated[str, Tag("text")]
        | Annotated[Annotated[list[Item], Field(min_length=1, max_length=2000)], Tag("list")],
        Discriminator(text_or_list),
    ] = Field(description="A text, or messages, function calls and their outputs.")
    instructions: str | None = Field(
        default=None, description="The system's message; not taken over by what follows."
    )
    background: bool | None = Field(
        default=None, description="Answer at once; read it, or its stream, later."
    )
    store: bool | None = Field(
        default=None, description="false: it cannot be read again or followed, and is deleted after a minute."
    )
    previous_response_id: str | None = Field(default=None, description="The response that this one follows.")
    max_output_tokens: int | None = None
    text: TextOptions | None = None
    tools: list[FunctionTool] | None = None
    tool_choice: Literal["none", "auto", "required"] | NamedFunction | None = None
    truncation: Literal["disabled"] | None = None
    top_logprobs: Literal[0] | None = None
    include: Annotated[list[str], Field(max_length=0)] | None = None
    stream_options: ResponseStreamOptions | None = None


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A request as a chat job, and what is kept of it beside the job."""

    request: ResponseRequest
    body: dict[str, Any]
    """The request for the chat job."""
    previous: UUID | None
    inherited: int
    """Messages of the job that were said before."""

    def beside(self, job: Job) -> Response:
        """The row that makes a response of the job."""
        return Response(
            job_id=job.pk,
            previous=self.previous,
            instructed=bool(self.request.instructions),
            inherited=self.inherited
            if job.session_inherited is None
            else job.session_inherited - bool(self.request.instructions),
            background=bool(self.request.background),
            store=self.request.store is not False,
        )


def read(body: Any, *, tenant: Tenant) -> Asked:
    """The validated request with its history; 400 with what is wrong, 404 for a model that is not there."""
    request = read_as(ResponseRequest, body)
    if request.background and request.store is False:
        detail = "A response in the background is read later, so it has to be stored."
        raise InvalidInput(detail, errors=[FieldError(pointer="/store", detail=detail)])
    if request.previous_response_id and request.sightline and request.sightline.session_id:
        detail = "A response follows another one, or goes on from a session: not both."
        raise InvalidInput(detail, errors=[FieldError(pointer="/sightline/session_id", detail=detail)])
    messages = to_messages(request.input, Uploads(tenant=tenant))
    if not messages:
        detail = "The input says nothing."
        raise InvalidInput(detail, errors=[FieldError(pointer="/input", detail=detail)])
    said = (
        follow(tenant=tenant, public_id=request.previous_response_id)
        if request.previous_response_id
        else None
    )
    before = said.messages if said else []
    if request.instructions:
        messages = [{"role": "system", "content": request.instructions}, *before, *messages]
    else:
        messages = [*before, *messages]
    job = chat_job(request, messages=messages, params=_params(request), max_tokens=request.max_output_tokens)
    if request.store is False:
        job["retention_s"] = UNSTORED_S
    return Asked(request=request, body=job, previous=said.previous if said else None, inherited=len(before))


def renamed(problem: Problem) -> Problem:
    """The same refusal with its fields named as they are here, not as the chat job has them."""
    problem.errors = tuple(FieldError(pointer=_pointer(e.pointer), detail=e.detail) for e in problem.errors)
    return problem


_NAMES: Sequence[tuple[str, str]] = (
    ("/input/messages", "/input"),
    ("/params/max_tokens", "/max_output_tokens"),
    ("/params/response_format", "/text/format"),
)


def _pointer(pointer: str) -> str:
    for theirs, ours in _NAMES:
        if pointer == theirs or pointer.startswith(theirs + "/"):
            # A message's number is not its item's: the field as a whole is named.
            return ours
    return pointer


def _params(request: ResponseRequest) -> dict[str, Any]:
    found: dict[str, Any] = {}
    wanted = request.text.format if request.text else None
    if isinstance(wanted, SchemaFormat):
        schema = wanted.model_dump(by_alias=True, exclude_none=True, exclude={"type"})
        found["response_format"] = {"type": "json_schema", "json_schema": schema}
    elif wanted is not None and wanted.type != "text":
        found["response_format"] = {"type": wanted.type}
    if request.tools:
        found["tools"] = [
            {"type": "function", "function": tool.model_dump(exclude_none=True, exclude={"type"})}
            for tool in request.tools
        ]
    if isinstance(request.tool_choice, NamedFunction):
        found["tool_choice"] = {"type": "function", "function": {"name": request.tool_choice.name}}
    elif request.tool_choice is not None and (request.tools or request.tool_choice == "required"):
        # OpenAI's clients say "auto" without tools as well.
        found["tool_choice"] = request.tool_choice
    return found

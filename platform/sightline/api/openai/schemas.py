"""The objects of `/v1` as the OpenAPI document shows them."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from sightline.batches.models import BatchStatus, Purpose


class Shown(BaseModel):
    """Every field is there, and no other."""

    model_config = ConfigDict(extra="forbid", json_schema_serialization_defaults_required=True)


class OpenAIErrorDetail(Shown):
    """What is wrong."""

    message: str
    type: str
    param: str | None = Field(description="The field at fault, messages[0].content.")
    code: str = Field(description="As in the native API.")


class OpenAIError(Shown):
    """An error in OpenAI's form."""

    error: OpenAIErrorDetail


class OpenAIModel(Shown):
    """A model tag."""

    id: str
    object: Literal["model"]
    created: int
    owned_by: str


class OpenAIModels(Shown):
    """All model tags."""

    object: Literal["list"]
    data: list[OpenAIModel]


class ChatCompletion(BaseModel):
    """OpenAI's chat.completion; `sightline` names the job behind it and where its answer came from."""

    id: str
    object: Literal["chat.completion"]
    created: int
    model: str
    choices: list[dict[str, Any]]
    usage: dict[str, Any] | None = None
    service_tier: str
    sightline: dict[str, Any]


class ResponseFailure(Shown):
    """Why a response failed."""

    code: str
    message: str


class ResponseObject(Shown):
    """OpenAI's response; `sightline` names the job behind it and where its answer came from."""

    id: str
    object: Literal["response"]
    created_at: int
    completed_at: int | None
    status: Literal["queued", "in_progress", "completed", "incomplete", "failed", "cancelled"]
    background: bool
    error: ResponseFailure | None
    incomplete_details: dict[str, str] | None
    instructions: str | None
    max_output_tokens: int | None
    max_tool_calls: int | None
    metadata: dict[str, Any]
    model: str
    output: list[dict[str, Any]] = Field(description="reasoning, message and function_call items.")
    parallel_tool_calls: bool
    previous_response_id: str | None
    reasoning: dict[str, Any] | None
    service_tier: str
    store: bool
    temperature: float | None
    text: dict[str, Any]
    tool_choice: str | dict[str, Any]
    tools: list[dict[str, Any]]
    top_logprobs: int
    top_p: float | None
    truncation: str
    usage: dict[str, Any] | None
    sightline: dict[str, Any]


class Deleted(Shown):
    """What was deleted."""

    id: str
    object: str
    deleted: Literal[True]


class ResponseItems(Shown):
    """Items of a response's input."""

    object: Literal["list"]
    data: list[dict[str, Any]]
    first_id: str | None
    last_id: str | None
    has_more: bool


class FileObject(Shown):
    """OpenAI's file."""

    id: str
    object: Literal["file"]
    bytes: int = Field(description="Of results: 0 until their batch has ended.")
    created_at: int
    expires_at: int
    filename: str
    purpose: Literal[tuple(Purpose.values)]  # type: ignore[valid-type]
    status: Literal["processed"]
    status_details: str | None


class FileList(Shown):
    """A page of files."""

    object: Literal["list"]
    data: list[FileObject]
    first_id: str | None
    last_id: str | None
    has_more: bool


class RequestCounts(Shown):
    """How far a batch is, a second old at most."""

    total: int = Field(description="0 while validating.")
    completed: int
    failed: int


class BatchError(Shown):
    """Why a file cannot be used."""

    code: str
    message: str
    line: int | None
    param: str | None


class BatchErrors(Shown):
    """All that is wrong with a file."""

    object: Literal["list"]
    data: list[BatchError]


class BatchObject(Shown):
    """OpenAI's batch."""

    id: str
    object: Literal["batch"]
    endpoint: str
    errors: BatchErrors | None
    input_file_id: str
    completion_window: str
    status: Literal[tuple(BatchStatus.values)]  # type: ignore[valid-type]
    output_file_id: str | None = Field(description="Readable, and growing, from in_progress on.")
    error_file_id: str | None = Field(description="From the first request on that failed.")
    created_at: int
    in_progress_at: int | None
    expires_at: int
    finalizing_at: int | None
    completed_at: int | None
    failed_at: int | None
    expired_at: int | None
    cancelling_at: int | None
    cancelled_at: int | None
    request_counts: RequestCounts
    metadata: dict[str, str] | None


class BatchList(Shown):
    """A page of batches."""

    object: Literal["list"]
    data: list[BatchObject]
    first_id: str | None
    last_id: str | None
    has_more: bool

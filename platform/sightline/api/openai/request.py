"""A `/v1/chat/completions` request, and the chat job that it becomes."""

from typing import Any, Literal

from django.conf import settings
from pydantic import BaseModel, ConfigDict, Field

from sightline.api.native.request import validate
from sightline.errors import FieldError, Problem
from sightline.jobs.models import Job
from sightline.kinds.registry import KINDS

SEATS = {"priority": "gui", "default": "", "auto": "", "flex": "ocr"}
"""Whose seats a service tier takes; chat's own for the usual ones."""
_TIERS = {"gui": "priority", "ocr": "flex"}


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class StreamOptions(_Strict):
    """What a stream tells besides the text."""

    include_usage: bool | None = Field(default=None, description="One more chunk with the usage at the end.")
    include_obfuscation: Literal[False] | None = None


class PixelSize(_Strict):
    """vLLM's pixel budget of Qwen3-VL."""

    shortest_edge: int | None = Field(default=None, description="Fewest pixels of an image, width × height.")
    longest_edge: int | None = Field(default=None, description="Most pixels of an image, width × height.")


class ProcessorOptions(_Strict):
    """vLLM's mm_processor_kwargs, as far as a request may set them."""

    size: PixelSize | None = None


class SightlineOptions(_Strict):
    """What OpenAI's fields have no word for."""

    kind: Literal[tuple(KINDS)] | None = Field(  # type: ignore[valid-type]
        default=None, description="Whose seats to take: gui, chat or ocr; instead of service_tier."
    )
    deadline_ms: int | None = Field(default=None, description="From acceptance; then it expires.")
    max_attempts: int | None = Field(default=None, description="Tries after transient failures.")
    tags: list[str] | None = Field(default=None, description="To filter the list of jobs by.")


class ChatCompletionRequest(_Strict):
    """OpenAI's request. A field that is not here is refused by name; values are checked as a chat job's."""

    model: str = Field(description="A model tag; GET /v1/models lists them.")
    messages: list[dict[str, Any]] = Field(
        description="Text and image_url parts; data URIs or https addresses."
    )
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_completion_tokens: int | None = None
    max_tokens: int | None = Field(default=None, description="The older name of max_completion_tokens.")
    temperature: float | None = None
    top_p: float | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    seed: int | None = None
    stop: str | list[str] | None = None
    response_format: dict[str, Any] | None = None
    tools: list[dict[str, Any]] | None = None
    tool_choice: str | dict[str, Any] | None = None
    parallel_tool_calls: Literal[True] | None = None
    n: Literal[1] | None = None
    logprobs: Literal[False] | None = None
    service_tier: Literal[tuple(SEATS)] | None = Field(  # type: ignore[valid-type]
        default=None, description="priority takes gui seats, default and auto chat's, flex ocr's."
    )
    metadata: dict[str, Any] | None = None
    store: bool | None = Field(default=None, description="Accepted; every job is kept for its retention.")
    user: str | None = Field(default=None, description="Kept in the job's metadata.")
    top_k: int | None = Field(default=None, description="vLLM's.")
    min_p: float | None = Field(default=None, description="vLLM's.")
    repetition_penalty: float | None = Field(default=None, description="vLLM's.")
    mm_processor_kwargs: ProcessorOptions | None = Field(default=None, description="vLLM's pixel budget.")
    sightline: SightlineOptions | None = None

    @property
    def seats(self) -> str:
        """The kind whose seats it takes, empty for chat's own."""
        if self.sightline is not None and self.sightline.kind is not None:
            return "" if self.sightline.kind == "chat" else self.sightline.kind
        return SEATS[self.service_tier or "auto"]


_PARAMS = (
    "temperature", "top_p", "presence_penalty", "frequency_penalty", "seed", "stop", "response_format", "tools",
    "tool_choice", "top_k", "min_p", "repetition_penalty",
)  # fmt: skip


def read(body: Any) -> ChatCompletionRequest:
    """The validated request; 400 with what is wrong, 404 for a model that is not there."""
    if isinstance(body, dict):
        # OpenAI's clients send null for "not given".
        body = {name: value for name, value in body.items() if value is not None}
    request = validate(ChatCompletionRequest, body)
    if request.model not in settings.MODELS:
        detail = f"There is no model {request.model[:100]!r}. There are " + ", ".join(settings.MODELS) + "."
        raise Problem(
            detail, code="model_not_found", status=404, errors=[FieldError(pointer="/model", detail=detail)]
        )
    return request


def job_body(request: ChatCompletionRequest) -> dict[str, Any]:
    """The same as a request for a chat job."""
    params = {name: value for name in _PARAMS if (value := getattr(request, name)) is not None}
    limit = request.max_completion_tokens or request.max_tokens
    if limit is not None:
        params["max_tokens"] = limit
    if request.mm_processor_kwargs is not None and (size := request.mm_processor_kwargs.size):
        edges = {"min": size.shortest_edge, "max": size.longest_edge}
        params["pixels"] = {name: edge for name, edge in edges.items() if edge is not None}
    metadata = {**(request.metadata or {}), **({"user": request.user} if request.user else {})}
    own = request.sightline.model_dump(exclude_none=True, exclude={"kind"}) if request.sightline else {}
    return {
        "kind": "chat",
        "model": request.model,
        "input": {"messages": request.messages},
        "params": params,
        "stream": bool(request.stream),
        **({"metadata": metadata} if metadata else {}),
        **own,
    }


def tier(job: Job) -> str:
    """The service tier that a job got."""
    return _TIERS.get(job.seats, "default")

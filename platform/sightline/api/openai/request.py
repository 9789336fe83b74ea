"""A `/v1/chat/completions` request, and the chat job that it becomes."""

from collections.abc import Callable
from typing import Any, Literal, TypeVar

from django.conf import settings
from pydantic import BaseModel, ConfigDict, Field

from sightline.api.native.request import validate
from sightline.errors import FieldError, Problem
from sightline.jobs.models import Job
from sightline.kinds.registry import KINDS

SEATS = {"priority": "gui", "default": "", "auto": "", "flex": "ocr"}
"""Whose seats a service tier takes; chat's own for the usual ones."""
Request = TypeVar("Request", bound="Common")

_TIERS = {"gui": "priority", "ocr": "flex"}


class Strict(BaseModel):
    """Refuses unknown fields by name, converts nothing."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class StreamOptions(Strict):
    """What a stream tells besides the text."""

    include_usage: bool | None = Field(default=None, description="One more chunk with the usage at the end.")
    include_obfuscation: Literal[False] | None = None


class PixelSize(Strict):
    """vLLM's pixel budget of Qwen3-VL."""

    shortest_edge: int | None = Field(default=None, description="Fewest pixels of an image, width × height.")
    longest_edge: int | None = Field(default=None, description="Most pixels of an image, width × height.")


class ProcessorOptions(Strict):
    """vLLM's mm_processor_kwargs, as far as a request may set them."""

    size: PixelSize | None = None


class SightlineOptions(Strict):
    """What OpenAI's fields have no word for."""

    kind: Literal[tuple(KINDS)] | None = Field(  # type: ignore[valid-type]
        default=None, description="Whose seats to take: gui, chat or ocr; instead of service_tier."
    )
    deadline_ms: int | None = Field(default=None, description="From acceptance; then it expires.")
    max_attempts: int | None = Field(default=None, description="Tries after transient failures.")
    tags: list[str] | None = Field(default=None, description="To filter the list of jobs by.")
    cache: dict[str, Any] | None = Field(default=None, description="As in the native API: mode, ttl_s.")
    session_id: str | None = Field(
        default=None,
        description="A session whose history comes before the messages; the answer is added to it.",
    )
    session_version: int | None = Field(
        default=None, description="The version of it that you go on from: 409 when it has changed."
    )


class Common(Strict):
    """What every endpoint that generates text has."""

    model: str = Field(description="A model tag; GET /v1/models lists them.")
    stream: bool | None = None
    temperature: float | None = None
    top_p: float | None = None
    service_tier: Literal[tuple(SEATS)] | None = Field(  # type: ignore[valid-type]
        default=None, description="priority takes gui seats, default and auto chat's, flex ocr's."
    )
    parallel_tool_calls: Literal[True] | None = None
    metadata: dict[str, Any] | None = None
    user: str | None = Field(default=None, description="Kept in the job's metadata.")
    safety_identifier: str | None = Field(default=None, description="Kept in the job's metadata.")
    prompt_cache_key: str | None = Field(
        default=None, description="Accepted; equal beginnings are found without it."
    )
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    seed: int | None = None
    stop: str | list[str] | None = None
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

    @property
    def names_seats(self) -> bool:
        """Does it say whose seats it takes?"""
        return self.service_tier not in (None, "auto") or bool(self.sightline and self.sightline.kind)


class ChatCompletionRequest(Common):
    """OpenAI's request. A field that is not here is refused by name; values are checked as a chat job's."""

    messages: list[dict[str, Any]] = Field(
        description="Text and image_url parts (data URIs, https addresses), or file parts that name an image by its"
        " file_id."
    )
    stream_options: StreamOptions | None = None
    max_completion_tokens: int | None = None
    max_tokens: int | None = Field(default=None, description="The older name of max_completion_tokens.")
    response_format: dict[str, Any] | None = None
    tools: list[dict[str, Any]] | None = None
    tool_choice: str | dict[str, Any] | None = None
    n: Literal[1] | None = None
    logprobs: Literal[False] | None = None
    store: bool | None = Field(default=None, description="Accepted; every job is kept for its retention.")


_SAMPLING = (
    "temperature", "top_p", "presence_penalty", "frequency_penalty", "seed", "stop", "top_k", "min_p",
    "repetition_penalty",
)  # fmt: skip
_SESSION = ("session_id", "session_version")
_CHAT = ("response_format", "tools", "tool_choice")

Uploads = Callable[[list[dict[str, Any]]], list[dict[str, Any]]]
"""Puts images in the place of parts that name files, in OpenAI's messages."""


def read(body: Any) -> ChatCompletionRequest:
    """The validated request; 400 with what is wrong, 404 for a model that is not there."""
    return read_as(ChatCompletionRequest, body)


def read_as(kind: type[Request], body: Any) -> Request:
    """A request of any endpoint, validated."""
    if isinstance(body, dict):
        # OpenAI's clients send null for "not given".
        body = {name: value for name, value in body.items() if value is not None}
    request = validate(kind, body)
    if request.model not in settings.MODELS:
        detail = f"There is no model {request.model[:100]!r}. Models: " + ", ".join(settings.MODELS) + "."
        raise Problem(
            detail, code="model_not_found", status=404, errors=[FieldError(pointer="/model", detail=detail)]
        )
    return request


def job_body(request: ChatCompletionRequest, uploads: Uploads) -> dict[str, Any]:
    """The same as a request for a chat job."""
    params = {name: value for name in _CHAT if (value := getattr(request, name)) is not None}
    limit = request.max_completion_tokens or request.max_tokens
    return chat_job(request, messages=uploads(request.messages), params=params, max_tokens=limit)


def chat_job(
    request: Common, *, messages: list[dict[str, Any]], params: dict[str, Any], max_tokens: int | None
) -> dict[str, Any]:
    """A request for a chat job with these messages and all that endpoints have in common."""
    params = {
        **params,
        **{name: value for name in _SAMPLING if (value := getattr(request, name)) is not None},
    }
    if max_tokens is not None:
        params["max_tokens"] = max_tokens
    if request.mm_processor_kwargs is not None and (size := request.mm_processor_kwargs.size):
        edges = {"min": size.shortest_edge, "max": size.longest_edge}
        params["pixels"] = {name: edge for name, edge in edges.items() if edge is not None}
    named = {name: value for name in ("user", "safety_identifier") if (value := getattr(request, name))}
    metadata = {**(request.metadata or {}), **named}
    own: dict[str, Any] = {}
    if request.sightline is not None:
        own = request.sightline.model_dump(exclude_none=True, exclude={"kind", *_SESSION})
        if session := _session(request.sightline):
            own["session"] = session
    return {
        "kind": "chat",
        "model": request.model,
        "input": {"messages": messages},
        "params": params,
        "stream": bool(request.stream),
        **({"metadata": metadata} if metadata else {}),
        **own,
    }


def _session(options: SightlineOptions) -> dict[str, Any]:
    if options.session_id is None:
        return {}
    version = {} if options.session_version is None else {"version": options.session_version}
    return {"id": options.session_id, **version}


def tier(job: Job) -> str:
    """The service tier that a job got."""
    return _TIERS.get(job.seats, "default")

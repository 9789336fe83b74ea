"""What the OpenAPI document says about `/v1`."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse
from pydantic import BaseModel, ConfigDict, Field

from sightline.api.native.documents import CODES, JSON, operation
from sightline.api.openai.request import ChatCompletionRequest


class OpenAIErrorDetail(BaseModel):
    """What is wrong."""

    model_config = ConfigDict(extra="forbid")

    message: str
    type: str
    param: str | None = Field(description="The field at fault, messages[0].content.")
    code: str = Field(description="As in the native API.")


class OpenAIError(BaseModel):
    """An error in OpenAI's form."""

    model_config = ConfigDict(extra="forbid")

    error: OpenAIErrorDetail


class OpenAIModel(BaseModel):
    """A model tag."""

    id: str
    object: str
    created: int
    owned_by: str


class OpenAIModels(BaseModel):
    """All model tags."""

    object: str
    data: list[OpenAIModel]


class ChatCompletion(BaseModel):
    """OpenAI's chat.completion; `sightline.job` names the job behind it."""

    id: str
    object: str
    created: int
    model: str
    choices: list[dict[str, Any]]
    usage: dict[str, Any] | None = None
    service_tier: str
    sightline: dict[str, str]


def _errors(*statuses: int) -> dict[Any, OpenApiResponse]:
    codes = {**CODES, 400: (*CODES[400], *CODES[422]), 404: ("not_found", "model_not_found")}
    codes |= {500: ("internal_error",), 504: ("deadline_exceeded", "timeout")}
    return {
        (status, JSON): OpenApiResponse(OpenAIError, description="Codes: " + ", ".join(codes[status]))
        for status in (*statuses, 401, 403, 503)
    }


_CHAT = (
    "Runs as a chat job: quota, fair share, seats, lease and retries are those of the native API. A client that hangs"
    " up cancels it. `service_tier` priority takes gui seats, default and auto chat's, flex ocr's. video_url is not"
    " supported yet."
)

chat = operation(
    operation_id="createChatCompletion",
    summary="Complete a chat, streamed or not",
    description=_CHAT,
    tags=["openai"],
    request={JSON: ChatCompletionRequest},
    examples=[
        OpenApiExample(
            "chat",
            {"model": "default", "messages": [{"role": "user", "content": "Say hello."}], "max_tokens": 32},
            request_only=True,
        )
    ],
    responses={
        (200, JSON): ChatCompletion,
        (200, "text/event-stream"): OpenApiResponse(
            str, description="chat.completion.chunk events, then [DONE]."
        ),
        **_errors(400, 404, 408, 409, 410, 413, 415, 429, 500, 504),
    },
)
completion = operation(
    operation_id="getChatCompletion",
    summary="Read a completion again",
    tags=["openai"],
    parameters=[OpenApiParameter("completion_id", str, OpenApiParameter.PATH, description="chatcmpl-01J….")],
    responses={(200, JSON): ChatCompletion, **_errors(400, 404, 409, 410, 500, 504)},
)
models = operation(
    operation_id="listModels",
    summary="The model tags",
    tags=["openai"],
    responses={(200, JSON): OpenAIModels, **_errors()},
)
model = operation(
    operation_id="getModel",
    summary="One model tag",
    tags=["openai"],
    parameters=[OpenApiParameter("model", str, OpenApiParameter.PATH, description="The tag.")],
    responses={(200, JSON): OpenAIModel, **_errors(404)},
)

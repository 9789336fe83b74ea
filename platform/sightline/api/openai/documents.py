"""What the OpenAPI document says about `/v1`."""

from collections.abc import Callable
from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse
from pydantic import BaseModel

from sightline.api.native.documents import CODES, JSON, View, operation
from sightline.api.openai import schemas
from sightline.api.openai.request import ChatCompletionRequest
from sightline.api.openai.response_request import ResponseRequest
from sightline.batches.models import Purpose

_TAGS = ["openai"]
_FORM = "multipart/form-data"
_EVENTS = "text/event-stream"
_LINES = "application/jsonl"
_BYTES = "application/octet-stream"

_RESPONSE_ID = "resp_01JABCDEFGHJKMNPQRSTVWXYZ0"
_FILE_ID = "file-01JABCDEFGHJKMNPQRSTVWXYZ0"
_BATCH_ID = "batch_01JABCDEFGHJKMNPQRSTVWXYZ0"


def _errors(*statuses: int) -> dict[Any, OpenApiResponse]:
    codes = {**CODES, 400: (*CODES[400], *CODES[422]), 404: ("not_found", "model_not_found")}
    codes[400] += ("previous_response_not_found",)
    codes |= {500: ("internal_error",), 504: ("deadline_exceeded", "timeout")}
    return {
        (status, JSON): OpenApiResponse(schemas.OpenAIError, description="Codes: " + ", ".join(codes[status]))
        for status in (*statuses, 401, 403, 503)
    }


def _path(name: str, description: str) -> OpenApiParameter:
    return OpenApiParameter(name, str, OpenApiParameter.PATH, description=description)


def _query(name: str, kind: Any, description: str, **more: Any) -> OpenApiParameter:
    return OpenApiParameter(name, kind, OpenApiParameter.QUERY, description=description, **more)


def _pages(default: int, most: int, order: str) -> list[OpenApiParameter]:
    limit = {"type": "integer", "minimum": 1, "maximum": most, "default": default}
    return [
        _query("limit", limit, f"1 to {most}, by default {default}."),
        _query("order", str, "By time of creation.", enum=["asc", "desc"], default=order),
        _query("after", str, "The last_id of the page before."),
    ]


def _example(name: str, value: Any) -> OpenApiExample:
    return OpenApiExample(name, value, request_only=True, media_type=JSON)


_KEY = OpenApiParameter(
    "Idempotency-Key",
    str,
    OpenApiParameter.HEADER,
    description="Names the request: sent again, it gets the first answer. Kept for 24 hours.",
)
_HELLO = [{"role": "user", "content": "Say hello."}]
_CHAT = (
    "Runs as a chat job: quota, fair share, seats, lease and retries are those of the native API. A client that hangs"
    " up cancels it. `service_tier` priority takes gui seats, default and auto chat's, flex ocr's. video_url is not"
    " supported yet."
)

chat = operation(
    operation_id="createChatCompletion",
    summary="Complete a chat, streamed or not",
    description=_CHAT,
    tags=_TAGS,
    parameters=[_KEY],
    request={JSON: ChatCompletionRequest},
    examples=[
        _example("chat", {"model": "default", "messages": _HELLO, "max_tokens": 32}),
        _example(
            "an uploaded image",
            {
                "model": "default",
                "messages": [
                    {
                        "role": "user",
                        "content": [
                            {"type": "file", "file": {"file_id": _FILE_ID}},
                            {"type": "text", "text": "Read it."},
                        ],
                    }
                ],
                "service_tier": "flex",
            },
        ),
    ],
    responses={
        (200, JSON): schemas.ChatCompletion,
        (200, _EVENTS): OpenApiResponse(str, description="chat.completion.chunk events, then [DONE]."),
        **_errors(400, 404, 408, 409, 410, 413, 415, 429, 500, 504),
    },
)
completion = operation(
    operation_id="getChatCompletion",
    summary="Read a completion again",
    tags=_TAGS,
    parameters=[_path("completion_id", "chatcmpl-01J….")],
    responses={(200, JSON): schemas.ChatCompletion, **_errors(400, 404, 409, 410, 500, 504)},
)
models = operation(
    operation_id="listModels",
    summary="The model tags",
    tags=_TAGS,
    responses={(200, JSON): schemas.OpenAIModels, **_errors()},
)
model = operation(
    operation_id="getModel",
    summary="One model tag",
    tags=_TAGS,
    parameters=[_path("model", "The tag.")],
    responses={(200, JSON): schemas.OpenAIModel, **_errors(404)},
)

# --- responses --------------------------------------------------------------------------------------------------
_RESPONSE = _path("response_id", "resp_01J….")
_EVENTS_OF = OpenApiResponse(
    str,
    description="response.created, response.in_progress, response.output_item.added, response.content_part.added,"
    " response.output_text.delta, …, response.completed. Their sequence_number grows, with gaps.",
)
create_response = operation(
    operation_id="createResponse",
    summary="Create a response, waited for, streamed or in the background",
    description="Runs as a chat job, as `/v1/chat/completions` does. `previous_response_id` brings what was said"
    " before, not the instructions. Unless `background` is set, a client that hangs up cancels it.",
    tags=_TAGS,
    parameters=[_KEY],
    request={JSON: ResponseRequest},
    examples=[
        _example("text", {"model": "default", "input": "Say hello.", "max_output_tokens": 32}),
        _example(
            "in the background",
            {
                "model": "default",
                "background": True,
                "instructions": "Answer in one word.",
                "input": [
                    {
                        "role": "user",
                        "content": [
                            {"type": "input_image", "file_id": _FILE_ID},
                            {"type": "input_text", "text": "What is shown?"},
                        ],
                    }
                ],
            },
        ),
        _example(
            "what follows",
            {"model": "default", "previous_response_id": _RESPONSE_ID, "input": "And in French?"},
        ),
    ],
    responses={
        (200, JSON): schemas.ResponseObject,
        (200, _EVENTS): _EVENTS_OF,
        **_errors(400, 404, 408, 409, 410, 413, 415, 429, 500, 504),
    },
)
get_response = operation(
    operation_id="getResponse",
    summary="Read a response, or its stream from any event on",
    tags=_TAGS,
    parameters=[
        _RESPONSE,
        _query("stream", bool, "Its events instead of itself."),
        _query("starting_after", int, "With stream: the sequence_number of the last event that is known."),
    ],
    responses={(200, JSON): schemas.ResponseObject, (200, _EVENTS): _EVENTS_OF, **_errors(400, 404)},
)
delete_response = operation(
    operation_id="deleteResponse",
    summary="Erase a response; one that runs is cancelled first",
    tags=_TAGS,
    parameters=[_RESPONSE],
    responses={(200, JSON): schemas.Deleted, **_errors(404, 409)},
)
cancel_response = operation(
    operation_id="cancelResponse",
    summary="Cancel a response in the background",
    tags=_TAGS,
    parameters=[_RESPONSE],
    request=None,
    responses={(200, JSON): schemas.ResponseObject, **_errors(404, 409)},
)
response_input = operation(
    operation_id="listResponseInput",
    summary="What a response was asked, without what it follows",
    tags=_TAGS,
    parameters=[_RESPONSE, *_pages(20, 100, "desc")],
    responses={(200, JSON): schemas.ResponseItems, **_errors(400, 404)},
)

# --- files ------------------------------------------------------------------------------------------------------
_FILE = _path("file_id", "file-01J….")
_TAKEN = [str(Purpose.BATCH), str(Purpose.VISION), str(Purpose.USER_DATA)]
create_file = operation(
    operation_id="createFile",
    summary="Upload a file",
    description="Requests of a batch (JSON lines), or an image that messages name by its file_id.",
    tags=_TAGS,
    request={
        _FORM: {
            "type": "object",
            "properties": {
                "purpose": {"type": "string", "enum": _TAKEN},
                "file": {"type": "string", "format": "binary"},
                "expires_after[anchor]": {"type": "string", "enum": ["created_at"]},
                "expires_after[seconds]": {"type": "integer", "minimum": 3600, "maximum": 31622400},
            },
            "required": ["purpose", "file"],
            "additionalProperties": False,
        }
    },
    responses={(200, JSON): schemas.FileObject, **_errors(400, 408, 413, 415)},
)
list_files = operation(
    operation_id="listFiles",
    summary="List files, newest first",
    tags=_TAGS,
    parameters=[
        _query("purpose", str, "Only these.", enum=list(Purpose.values)),
        *_pages(10_000, 10_000, "desc"),
    ],
    responses={(200, JSON): schemas.FileList, **_errors(400, 404)},
)
get_file = operation(
    operation_id="getFile",
    summary="One file",
    tags=_TAGS,
    parameters=[_FILE],
    responses={(200, JSON): schemas.FileObject, **_errors(404)},
)
delete_file = operation(
    operation_id="deleteFile",
    summary="Delete a file that no batch needs any more",
    tags=_TAGS,
    parameters=[_FILE],
    responses={(200, JSON): schemas.Deleted, **_errors(404, 409)},
)
file_content = operation(
    operation_id="getFileContent",
    summary="What is in a file",
    description="Results and errors of a batch are made from its jobs as they are now: while it runs, the lines so"
    " far, in the order in which they ended, so that a reader may go on where it stopped.",
    tags=_TAGS,
    parameters=[_FILE, _query("skip", int, "Of results: leave out so many lines.")],
    responses={
        (200, _BYTES): OpenApiResponse(bytes, description="As it was sent."),
        (200, _LINES): OpenApiResponse(
            str, description="Results: custom_id, line, response {status_code, request_id, body}, error."
        ),
        **_errors(400, 404),
    },
)

# --- batches ----------------------------------------------------------------------------------------------------
_BATCH = _path("batch_id", "batch_01J….")


def batch_operations(request: type[BaseModel]) -> Callable[[View], View]:
    """How a batch is created; its request's schema lives beside its view."""
    return operation(
        operation_id="createBatch",
        summary="Run the requests of a file",
        description="Each line is `{custom_id, method: POST, url, body}`, at most 50,000 of them. Each becomes a job"
        " with quota, fair share, seats and lease; one that names no service_tier takes ocr's seats. A bad line ends"
        " in the errors, and the others run.",
        tags=_TAGS,
        parameters=[_KEY],
        request={JSON: request},
        examples=[
            _example(
                "a day's work",
                {
                    "input_file_id": _FILE_ID,
                    "endpoint": "/v1/chat/completions",
                    "completion_window": "24h",
                    "metadata": {"run": "nightly"},
                },
            )
        ],
        responses={(200, JSON): schemas.BatchObject, **_errors(400, 408, 409, 413, 415)},
    )


list_batches = operation(
    operation_id="listBatches",
    summary="List batches, newest first",
    tags=_TAGS,
    parameters=_pages(20, 100, "desc"),
    responses={(200, JSON): schemas.BatchList, **_errors(400, 404)},
)
get_batch = operation(
    operation_id="getBatch",
    summary="One batch, and how far it is",
    tags=_TAGS,
    parameters=[_BATCH],
    responses={(200, JSON): schemas.BatchObject, **_errors(404)},
)
cancel_batch = operation(
    operation_id="cancelBatch",
    summary="Cancel a batch; what is done is kept",
    tags=_TAGS,
    parameters=[_BATCH],
    request=None,
    responses={(200, JSON): schemas.BatchObject, **_errors(404, 409)},
)

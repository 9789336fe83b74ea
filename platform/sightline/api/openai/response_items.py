"""The items of `/v1/responses`: what its input may hold, and the same as a chat's messages."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Discriminator, Field, Tag

from sightline.api.openai.images import Uploads
from sightline.api.openai.request import Strict
from sightline.errors import FieldError, InvalidInput

Json = dict[str, Any]


class InputText(Strict):
    """A text."""

    type: Literal["input_text"]
    text: str


class InputImage(Strict):
    """An image: an address, a data URI, or the id of a file."""

    type: Literal["input_image"]
    image_url: str | None = Field(default=None, description="A data URI or an https address.")
    file_id: str | None = Field(default=None, description="A file with the purpose vision or user_data.")
    detail: Literal["auto", "low", "high"] | None = None


class InputFile(Strict):
    """A file; only images are read."""

    type: Literal["input_file"]
    file_id: str | None = None
    file_data: str | None = Field(default=None, description="A data URI.")
    file_url: str | None = Field(default=None, description="An https address.")
    filename: str | None = None
    detail: Literal["auto", "low", "high"] | None = None


class OutputText(Strict):
    """A text of an earlier answer, as it was given."""

    type: Literal["output_text"]
    text: str
    annotations: list[Any] | None = None
    logprobs: list[Any] | None = None


class Refusal(Strict):
    """A refusal of an earlier answer."""

    type: Literal["refusal"]
    refusal: str


Part = Annotated[InputText | InputImage | InputFile | OutputText | Refusal, Field(discriminator="type")]


def text_or_list(value: Any) -> str:
    """Tells the two forms apart, so that what is wrong is told of the one that was sent."""
    return "list" if isinstance(value, list) else "text"


class Message(Strict):
    """What somebody says."""

    model_config = ConfigDict(title="ResponseMessage")

    type: Literal["message"] | None = None
    role: Literal["user", "assistant", "system", "developer"]
    content: Annotated[
        Annotated[str, Tag("text")]
        | Annotated[Annotated[list[Part], Field(min_length=1, max_length=2000)], Tag("list")],
        Discriminator(text_or_list),
    ]
    id: str | None = None
    status: Literal["in_progress", "completed", "incomplete"] | None = None


class FunctionCallItem(Strict):
    """A call that the model made."""

    type: Literal["function_call"]
    call_id: str
    name: str
    arguments: str = Field(description="JSON as a string.")
    id: str | None = None
    status: Literal["in_progress", "completed", "incomplete"] | None = None


class FunctionOutput(Strict):
    """What a function gave back."""

    type: Literal["function_call_output"]
    call_id: str
    output: Annotated[
        Annotated[str, Tag("text")] | Annotated[Annotated[list[InputText], Field(min_length=1)], Tag("list")],
        Discriminator(text_or_list),
    ]
    id: str | None = None
    status: Literal["in_progress", "completed", "incomplete"] | None = None


class Reasoning(Strict):
    """Reasoning of an earlier answer; accepted and dropped, as the model was trained to be asked."""

    type: Literal["reasoning"]
    id: str | None = None
    summary: list[Any] | None = None
    content: list[Any] | None = None
    encrypted_content: str | None = None
    status: str | None = None


def _form(value: Any) -> str:
    if isinstance(value, dict):
        return str(value.get("type", "message"))
    return str(getattr(value, "type", None) or "message")


def _given(value: Any) -> Any:
    """An item without what is null: OpenAI's clients write so what is not given, at whatever version."""
    if not isinstance(value, dict):
        return value
    return {
        name: [_given(part) for part in item] if isinstance(item, list) else item
        for name, item in value.items()
        if item is not None
    }


Item = Annotated[
    Annotated[Message, Tag("message")]
    | Annotated[FunctionCallItem, Tag("function_call")]
    | Annotated[FunctionOutput, Tag("function_call_output")]
    | Annotated[Reasoning, Tag("reasoning")],
    Discriminator(_form),
    BeforeValidator(_given),
]


def to_messages(items: str | list[Any], uploads: Uploads) -> list[Json]:
    """OpenAI's chat messages with the same content. Calls join the assistant's message before them."""
    if isinstance(items, str):
        return [{"role": "user", "content": items}]
    found: list[Json] = []
    for number, item in enumerate(items):
        pointer = f"/input/{number}"
        match item:
            case Message():
                found.append(_message(item, uploads, pointer))
            case FunctionCallItem():
                if not found or found[-1]["role"] != "assistant":
                    found.append({"role": "assistant", "tool_calls": []})
                function = {"name": item.name, "arguments": item.arguments}
                call = {"id": item.call_id, "type": "function", "function": function}
                found[-1].setdefault("tool_calls", []).append(call)
            case FunctionOutput():
                text = item.output if isinstance(item.output, str) else "".join(p.text for p in item.output)
                found.append({"role": "tool", "tool_call_id": item.call_id, "content": text})
    return found


def to_items(messages: list[Json], *, tail: str, media: str, first: int = 0) -> list[Json]:
    """The messages of a stored job as items; its images are read below `media`, by numbers from `first` on."""
    found: list[Json] = []
    images = first
    for message in messages:
        role, content = message["role"], message.get("content")
        if role == "tool":
            text = content if isinstance(content, str) else "".join(part["text"] for part in content or [])
            found.append({"type": "function_call_output", "call_id": message["tool_call_id"], "output": text})
            continue
        parts: list[Json] = []
        told: list[Json] = [{"type": "text", "text": content}] if isinstance(content, str) else content or []
        kind = "output_text" if role == "assistant" else "input_text"
        more: Json = {"annotations": []} if role == "assistant" else {}
        for part in told:
            if part["type"] == "text":
                parts.append({"type": kind, "text": part["text"], **more})
            else:
                # Until its images are fetched a job holds their addresses.
                address = (part.get("image_url") or {}).get("url") or f"{media}{images}"
                parts.append({"type": "input_image", "image_url": address, "detail": "auto"})
                images += 1
        if parts:
            found.append({"type": "message", "role": role, "status": "completed", "content": parts})
        for call in message.get("tool_calls") or []:
            found.append(
                {"type": "function_call", "call_id": call["id"], **call["function"], "status": "completed"}
            )
    prefixes = {"message": "msg", "function_call": "fc", "function_call_output": "fco"}
    return [{"id": f"{prefixes[item['type']]}_{tail}_{number}", **item} for number, item in enumerate(found)]


def _message(item: Message, uploads: Uploads, pointer: str) -> Json:
    if isinstance(item.content, str):
        return {"role": item.role, "content": item.content}
    parts = [_part(part, item.role, uploads, f"{pointer}/content/{n}") for n, part in enumerate(item.content)]
    return {"role": item.role, "content": parts}


def _part(part: Any, role: str, uploads: Uploads, pointer: str) -> Json:
    match part:
        case InputText() | OutputText():
            return {"type": "text", "text": part.text}
        case Refusal():
            return {"type": "text", "text": part.refusal}
    if role != "user":
        raise _refused("Only a user's message holds images.", pointer)
    address = part.image_url if isinstance(part, InputImage) else part.file_data or part.file_url
    if (address is None) == (part.file_id is None):
        raise _refused("Give exactly one of file_id and the file itself.", pointer)
    if part.file_id is not None:
        return uploads.image(part.file_id, detail=part.detail, pointer=f"{pointer}/file_id")
    detail = {"detail": part.detail} if part.detail else {}
    return {"type": "image_url", "image_url": {"url": address, **detail}}


def _refused(detail: str, pointer: str) -> InvalidInput:
    return InvalidInput(detail, errors=[FieldError(pointer=pointer, detail=detail)])

"""The body of `/v1/chat/completions`, checked as vLLM checks it."""

import json
from dataclasses import dataclass
from typing import Any

from .errors import Refusal
from .images import DEFAULT_LONGEST_EDGE, KnownImages, TwinImage
from .options import TwinOptions

_ROLES = ("system", "user", "assistant", "tool", "developer")


@dataclass(frozen=True, kw_only=True)
class ChatRequest:
    """One request, as far as the simulated engine needs it."""

    model: str
    # All texts of the messages, in order, a newline between them.
    text: str
    # Text of the last user message.
    last_user_text: str
    # Role of the last message.
    last_role: str
    images: tuple[TwinImage, ...]
    # What the prompt is made of, in order: texts, and images by checksum and tokens.
    parts: tuple[str | tuple[int, int], ...]
    # Keeps prefix caches apart.
    cache_salt: str
    # Of the request as it came.
    body_bytes: int
    prompt_tokens: int
    image_tokens: int
    # Tokens that may be generated.
    max_tokens: int
    stream: bool
    # Tokens that go out together after the first.
    stream_interval: int
    include_usage: bool
    priority: int
    # A schema, choice or format that binds the answer: ("json" | "choice" | "json_object", value).
    constraint: tuple[str, Any] | None
    # Function definitions, empty when the request has none or wants no call.
    tools: tuple[dict[str, Any], ...]


def parse(body: bytes, options: TwinOptions, known: KnownImages) -> ChatRequest:
    """Raises `Refusal` (400, 404) with vLLM's words where they matter to a client."""
    try:
        document = json.loads(body)
    except ValueError as error:
        raise Refusal(400, f"1 validation error:\n  JSON decode error: {error}", "body") from error
    if not isinstance(document, dict):
        raise Refusal(400, "1 validation error:\n  Input should be a valid dictionary", "body")
    messages = document.get("messages")
    if not isinstance(messages, list):
        raise Refusal(400, "1 validation error:\n  Field required: messages", "body.messages")
    if document.get("model") != options.model:
        raise Refusal(
            404,
            f"The model `{document.get('model')}` does not exist. Valid aliases: {options.model}.",
            "model",
        )
    pixels = ((document.get("mm_processor_kwargs") or {}).get("size") or {}).get("longest_edge")
    edge = pixels or DEFAULT_LONGEST_EDGE
    texts, images, parts = _content(messages, options, known, edge)
    if not messages:
        raise Refusal(
            400, "Cannot apply chat template to an empty conversation. Provide at least one message."
        )
    text = "\n".join(part for _, part in texts)
    image_tokens = sum(image.tokens(edge) for image in images)
    # About four characters a token, and the chat template's own tokens for each message.
    prompt_tokens = len(text) // 4 + 1 + image_tokens + 4 * len(messages)
    if prompt_tokens >= options.max_model_len:
        raise Refusal(
            400,
            f"This model's maximum context length is {options.max_model_len} tokens. However, your prompt "
            f"contains at least {prompt_tokens} input tokens, which exceeds this limit even without any "
            "output tokens. Please reduce the length of the input prompt.",
            "input_tokens",
        )
    return ChatRequest(
        model=options.model,
        text=text,
        last_user_text=next((part for role, part in reversed(texts) if role == "user"), ""),
        last_role=str(messages[-1]["role"]),
        images=images,
        parts=parts,
        cache_salt=str(document.get("cache_salt") or ""),
        body_bytes=len(body),
        prompt_tokens=prompt_tokens,
        image_tokens=image_tokens,
        max_tokens=_max_tokens(document, options, prompt_tokens),
        stream=document.get("stream") is True,
        stream_interval=_number(document, "stream_interval", 1, 1, 2**31, whole=True),
        include_usage=(document.get("stream_options") or {}).get("include_usage") is True,
        priority=_number(document, "priority", 0, -(2**63), 2**63 - 1, whole=True),
        constraint=_constraint(document),
        tools=_tools(document),
    )


def _content(
    messages: list[Any], options: TwinOptions, known: KnownImages, edge: int
) -> tuple[list[tuple[str, str]], tuple[TwinImage, ...], tuple[str | tuple[int, int], ...]]:
    """Texts with their roles, images, and both in order."""
    texts: list[tuple[str, str]] = []
    images: list[TwinImage] = []
    order: list[str | tuple[int, int]] = []
    for message in messages:
        if not isinstance(message, dict) or message.get("role") not in _ROLES:
            raise Refusal(400, "1 validation error:\n  Unexpected message role.", "body.messages")
        role, content = message["role"], message.get("content") or ""
        parts: list[dict[str, Any]] = (
            [{"type": "text", "text": content}] if isinstance(content, str) else content
        )
        for part in parts:
            kind = part.get("type")
            if kind == "text":
                texts.append((role, part["text"]))
                order.append(part["text"])
            elif kind == "image_url":
                url = part.get("image_url")
                uri = url["url"] if isinstance(url, dict) else url
                images.append(known.find(uri, part.get("uuid"), edge))
                order.append((images[-1].checksum, images[-1].tokens(edge)))
            elif kind == "video_url":
                frames = part["video_url"]["url"].partition(",")[2].split(",")
                images.extend(known.find(f"data:image/jpeg;base64,{frame}", None, edge) for frame in frames)
            else:
                raise Refusal(400, f"Unknown part type: {kind}")
    if len(images) > options.max_images:
        raise Refusal(400, f"At most {options.max_images} image(s) may be provided in one prompt.")
    return texts, tuple(images), tuple(order)


def _max_tokens(document: dict[str, Any], options: TwinOptions, prompt_tokens: int) -> int:
    name = "max_completion_tokens" if document.get("max_completion_tokens") is not None else "max_tokens"
    room = options.max_model_len - prompt_tokens
    wanted = _number(document, name, room, 1, 2**31, whole=True)
    if wanted > options.max_model_len:
        raise Refusal(
            400,
            f"{name}={wanted} cannot be greater than max_model_len={options.max_model_len}. "
            f"Please request fewer output tokens. (parameter={name}, value={wanted})",
            name,
        )
    return min(room, wanted)


def _number(document: dict[str, Any], name: str, default: int, low: int, high: int, *, whole: bool) -> int:
    value = document.get(name)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int if whole else (int, float)):
        raise Refusal(400, f"1 validation error:\n  {name}: Input should be a valid number", name)
    if not low <= value <= high:
        raise Refusal(400, f"{name} must be in [{low}, {high}], got {value}.", name)
    return int(value)


def _constraint(document: dict[str, Any]) -> tuple[str, Any] | None:
    _number(document, "temperature", 0, 0, 2**31, whole=False)
    chosen = {k: v for k, v in (document.get("structured_outputs") or {}).items() if v is not None}
    for kind in ("json", "choice", "json_object"):
        if kind in chosen:
            return kind, chosen[kind]
    if chosen:
        raise Refusal(400, f"The twin does not know structured_outputs {', '.join(chosen)}.")
    response_format = document.get("response_format") or {}
    if response_format.get("type") == "json_object":
        return "json_object", True
    if response_format.get("type") == "json_schema":
        return "json", response_format["json_schema"]["schema"]
    return None


def _tools(document: dict[str, Any]) -> tuple[dict[str, Any], ...]:
    choice = document.get("tool_choice")
    if choice == "none":
        return ()
    named = choice["function"]["name"] if isinstance(choice, dict) else None
    offered = (tool["function"] for tool in document.get("tools") or ())
    return tuple(function for function in offered if named in (None, function["name"]))

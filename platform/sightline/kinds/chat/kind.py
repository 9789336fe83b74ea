"""chat: OpenAI's messages in, OpenAI's chat.completion out."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from sightline.kinds.chat import prompt
from sightline.kinds.chat.completion import completion
from sightline.kinds.chat.messages import ImagePart, LongText, Message, UserMessage
from sightline.kinds.chat.params import ChatParams
from sightline.kinds.contract import Call, Image, Item, Json, Outcome, Reply, StoredImage
from sightline.kinds.images import ImageRef, check_count, media
from sightline.kinds.repetition import settled_finish
from sightline.kinds.sampling import sampling

DEFAULTS: Json = {"temperature": 0.7, "top_p": 0.8, "top_k": 20}
"""As Qwen3-VL's authors advise; up to the end of the context unless max_tokens is given."""

CHARACTERS_PER_COST = 8000
"""Text that weighs as much as one image in fair queueing: about 2,000 tokens."""


class ChatInput(BaseModel):
    """Input of a chat job: `messages`, or the short form `prompt` with `images`."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        json_schema_extra={
            "examples": [
                {"prompt": "What is shown?", "images": [{"url": "https://example.com/cat.png"}]},
                {
                    "messages": [
                        {"role": "system", "content": "Answer in one word."},
                        {
                            "role": "user",
                            "content": [
                                {
                                    "type": "image_url",
                                    "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="},
                                },
                                {"type": "text", "text": "What is shown?"},
                            ],
                        },
                    ]
                },
            ]
        },
    )

    messages: Annotated[list[Message], Field(min_length=1, max_length=2000)] | None = None
    prompt: Annotated[LongText, Field(min_length=1)] | None = None
    images: list[ImageRef] | None = None
    video: Any = Field(default=None, description="Not supported yet.")

    @field_validator("video")
    @classmethod
    def _no_video(cls, value: Any) -> Any:
        if value is not None:
            raise PydanticCustomError("unsupported", "video is not supported yet")
        return value

    @field_validator("messages")
    @classmethod
    def _not_too_many_parts(cls, messages: list[Message] | None) -> list[Message] | None:
        check_count(list(_image_parts(messages or ())))
        return messages

    @field_validator("images")
    @classmethod
    def _not_too_many(cls, images: list[ImageRef] | None) -> list[ImageRef] | None:
        check_count(images or ())
        return images

    @model_validator(mode="after")
    def _one_form(self) -> ChatInput:
        if (self.messages is None) == (self.prompt is None):
            raise PydanticCustomError("chat_form", "give either messages or prompt")
        if self.messages is not None and self.images:
            raise PydanticCustomError("chat_form", "images belongs to prompt; put them into messages")
        return self


class Chat:
    """The chat kind."""

    name: ClassVar[str] = "chat"
    Input: ClassVar[type[BaseModel]] = ChatInput
    Params: ClassVar[type[BaseModel]] = ChatParams
    defaults: ClassVar[Json] = DEFAULTS

    def image_refs(self, input: ChatInput) -> list[ImageRef]:
        """The images of the short form, or of all messages in order."""
        if input.messages is None:
            return list(input.images or ())
        return [part.image_url.reference() for part in _image_parts(input.messages)]

    def bind(self, input: ChatInput, images: Sequence[StoredImage]) -> Json:
        """The stored input: always `messages`; image parts become {"type": "image", "media": {…}}."""
        stored = iter(images)
        if input.messages is None:
            messages = prompt.messages(prompt=input.prompt or "", images=range(len(images)))
        else:
            messages = [message.model_dump(exclude_none=True) for message in input.messages]
        for message in messages:
            for dropped in ("refusal", "reasoning", "reasoning_content", "annotations"):
                message.pop(dropped, None)
            if isinstance(message.get("content"), list):
                message["content"] = [
                    part if part["type"] == "text" else {"type": "image", **media(next(stored))}
                    for part in message["content"]
                ]
        return {"messages": messages}

    def cost(self, input: ChatInput | Json) -> int:
        """1, one for each image, one for each 8,000 characters."""
        texts, images = _weigh(input if isinstance(input, dict) else input.model_dump(exclude_none=True))
        return 1 + images + texts // CHARACTERS_PER_COST

    def run(self, *, input: Json, params: Json, images: Sequence[Image]) -> Generator[Call, Reply, Outcome]:
        """One call; its reply is the output."""
        reply = yield Call(
            messages=_numbered(input["messages"], images),
            sampling=sampling(params, DEFAULTS),
            response_format=params.get("response_format"),
            tools=params.get("tools"),
            tool_choice=params.get("tool_choice"),
            label="answer",
        )
        finish = settled_finish(reply.text, reply.finish)
        output = completion(reply, finish=finish)
        calls = output["choices"][0]["message"].get("tool_calls") or ()
        return Outcome(
            output=output,
            complete=finish in ("stop", "tool_calls"),
            finish_reason=finish,
            items=tuple(Item(type="tool_call", index=n, data=call) for n, call in enumerate(calls)),
        )


def _image_parts(messages: Sequence[Message]) -> Iterator[ImagePart]:
    for message in messages:
        if isinstance(message, UserMessage) and isinstance(message.content, list):
            yield from (part for part in message.content if isinstance(part, ImagePart))


def _numbered(messages: list[Json], images: Sequence[Image]) -> list[Json]:
    """The bound messages with every media part replaced by the number of its image."""
    numbers = iter(images)
    return [
        {
            **message,
            "content": [
                {"type": "image", "index": next(numbers).index} if part["type"] == "image" else part
                for part in message["content"]
            ],
        }
        if isinstance(message.get("content"), list)
        else message
        for message in messages
    ]


def _weigh(value: Any) -> tuple[int, int]:
    """(characters of text, images) anywhere in an input; the bytes of a data URI are no text."""
    if isinstance(value, list):
        weights = [_weigh(item) for item in value]
        return sum(text for text, _ in weights), sum(images for _, images in weights)
    if isinstance(value, dict):
        if "media" in value or "upload_id" in value or "url" in value or "data" in value:
            return 0, 1
        return _weigh(list(value.values()))
    return (len(value), 0) if isinstance(value, str) else (0, 0)

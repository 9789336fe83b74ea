"""What a kind of job is: the values that cross its border, and the protocol it meets.

A kind is pure: it turns a validated input into calls for the engine, and the replies into a typed output. It
knows neither HTTP nor the database nor the engine, so that all of it can be tested with strings.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from pydantic import BaseModel

from sightline.kinds.images import ImageRef

Json = dict[str, Any]
"""A JSON object: only str, int, float, bool, None, lists and objects of these."""


@dataclass(frozen=True, kw_only=True)
class StoredImage:
    """An image of the input after the media guard accepted and stored it."""

    sha256: str
    """Hex digest of the stored bytes: the address of the media object."""
    width: int
    """Pixels, after EXIF orientation."""
    height: int
    """Pixels, after EXIF orientation."""
    mime: str
    """Type by content, such as image/png."""


@dataclass(frozen=True, kw_only=True)
class Image:
    """An image as a kind sees it while it runs: no pixels, only what the arithmetic needs."""

    index: int
    """Position in the input, from 0; image parts of a call name it."""
    width: int
    """Pixels of the original, after EXIF orientation."""
    height: int
    """Pixels of the original, after EXIF orientation."""


@dataclass(frozen=True, kw_only=True)
class Item:
    """A part of the output that is complete before the whole is."""

    type: str
    """page | action | tool_call."""
    index: int
    """Among those of its type, from 0."""
    data: Json
    """As it stands in the output."""


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a job is."""

    done: int
    total: int
    unit: str
    """What is counted: page, image."""


@dataclass(frozen=True, kw_only=True)
class Call:
    """One request to the engine."""

    messages: list[Json]
    """OpenAI chat messages; `{"type": "image", "index": i}` stands for image i, filled in by the worker."""
    sampling: Json
    """vLLM's sampling fields: max_tokens, temperature, top_p, top_k, …"""
    structured_outputs: Json | None = None
    """vLLM's structured_outputs, such as {"json": <schema>}."""
    response_format: Json | None = None
    """OpenAI's response_format."""
    tools: list[Json] | None = None
    """OpenAI's tools."""
    tool_choice: str | Json | None = None
    """OpenAI's tool_choice."""
    label: str = ""
    """What the call is for, in logs and progress: "page 3", "repair"."""
    items: tuple[Item, ...] = ()
    """What became complete since the call before."""
    progress: Progress | None = None
    """How far the job is before this call; None where there is nothing to count."""


@dataclass(frozen=True, kw_only=True)
class Usage:
    """Tokens of one call."""

    input_tokens: int = 0
    """Prompt tokens, image tokens included."""
    image_tokens: int = 0
    """Image tokens among them; 0 where the engine does not tell."""
    output_tokens: int = 0
    """Generated tokens."""


@dataclass(frozen=True, kw_only=True)
class Reply:
    """The engine's answer to one call."""

    text: str
    """The model's text, raw."""
    finish: str
    """stop | length | repetition | tool_calls."""
    tool_calls: tuple[Json, ...] = ()
    """OpenAI tool calls, where the engine parsed them."""
    reasoning: str | None = None
    """Reasoning, where the engine split it off."""
    usage: Usage | None = None
    """Tokens, where known."""
    model: str = ""
    """Name of the model as the engine served it, where known."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a job ends with."""

    output: Json
    """The typed output, free of what a JSON column refuses (NUL, lone surrogates, NaN)."""
    complete: bool
    """False: cut off or looping somewhere, the job ends `incomplete`."""
    finish_reason: str
    """stop | length | repetition | tool_calls, the worst of all calls."""
    items: tuple[Item, ...] = ()
    """What became complete since the last call."""
    progress: Progress | None = None
    """How far the job is, now that it is done."""


class UnusableOutput(Exception):
    """The model's text cannot be turned into the kind's output, not even after the repair."""

    code = "output_unparseable"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class Kind(Protocol):
    """One kind of job."""

    name: ClassVar[str]
    """As in the API: gui, ocr, chat."""
    Input: ClassVar[type[BaseModel]]
    """Schema of `input`; unknown fields are refused by name."""
    Params: ClassVar[type[BaseModel]]
    """Schema of `params`."""
    defaults: ClassVar[Json]
    """Sampling fields that hold where `params` says nothing."""

    def image_refs(self, input: Any) -> list[ImageRef]:
        """The images of a validated input, in prompt order."""
        ...

    def bind(self, input: Any, images: Sequence[StoredImage]) -> Json:
        """The JSON that the job stores: each reference becomes {"media": {sha256, width, height, mime}}."""
        ...

    def run(self, *, input: Json, params: Json, images: Sequence[Image]) -> Generator[Call, Reply, Outcome]:
        """Yield calls one at a time, receive their replies, return the outcome.

        `input` is the bound JSON, `params` the validated parameters as JSON. Raises UnusableOutput.
        """
        ...

    def cost(self, input: Any) -> int:
        """Relative cost for fair queueing, from the validated or the bound input; at least 1."""
        ...

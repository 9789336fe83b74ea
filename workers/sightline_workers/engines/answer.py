"""A streamed chat completion, put together event by event."""

import json
import time
from collections.abc import Callable
from typing import Any

from sightline.events.tool_calls import CallPiece, add

from . import classify
from .contract import STOP_CHECK_TOKENS, Completion, EngineError, Failure, Usage


class Answer:
    """Collects the events of one stream of `chat.completion.chunk` objects into a `Completion`."""

    def __init__(
        self,
        *,
        started: float,
        on_delta: Callable[[str], None],
        on_tool_call: Callable[[CallPiece], None] | None = None,
        should_stop: Callable[[str], bool] | None,
        tokens_a_delta: int = 1,
    ) -> None:
        # time.monotonic() at which the request was sent.
        self._started = started
        self._on_delta = on_delta
        self._on_tool_call = on_tool_call
        self._should_stop = should_stop
        self._tokens_a_delta = tokens_a_delta
        self._check_every = max(1, STOP_CHECK_TOKENS // tokens_a_delta)  # deltas
        self._rest = b""  # a line whose end has not come yet
        self._pieces: list[str] = []
        self._reasoning: list[str] = []
        self._tool_calls: list[dict[str, Any]] = []
        self._finish: str | None = None
        self._usage: dict[str, Any] | None = None
        self._first_at: float | None = None
        # True once everything needed has come, or `should_stop` said so.
        self.done = False
        # True when the stream was ended by us: the connection must be closed, which frees the seat.
        self.stopped_early = False

    def feed(self, data: bytes) -> None:
        """Take bytes of the body as they come. Raises `EngineError` for an error sent as an event."""
        whole, newline, self._rest = (self._rest + data).rpartition(b"\n")
        if not newline:
            return
        for line in whole.decode().split("\n"):
            if line.startswith("data:"):
                self._event(line[5:].strip())
                if self.done:
                    return

    def _event(self, payload: str) -> None:
        if payload == "[DONE]":
            self.done = True
            return
        try:
            event = json.loads(payload)
        except ValueError as error:
            raise classify.unexpected(f"an event that is no JSON ({payload[:80]!r})") from error
        if not isinstance(event, dict):
            raise classify.unexpected(f"an event that is no object ({payload[:80]!r})")
        if "error" in event:
            error_object = event["error"]
            if not isinstance(error_object, dict):
                error_object = {"message": str(error_object)}
            code = error_object.get("code")
            raise classify.from_error_object(error_object, status=code if isinstance(code, int) else 500)
        if event.get("usage"):
            self._usage = event["usage"]
        for choice in event.get("choices") or ():
            self._choice(choice)

    def _choice(self, choice: dict[str, Any]) -> None:
        delta = choice.get("delta") or {}
        reasoning = delta.get("reasoning") or delta.get("reasoning_content")
        if reasoning:
            self._mark_first()
            self._reasoning.append(reasoning)
        for part in delta.get("tool_calls") or ():
            self._mark_first()
            piece = CallPiece.parse(part)
            add(self._tool_calls, piece)
            if self._on_tool_call is not None:
                self._on_tool_call(piece)
        text = delta.get("content")
        if text:
            self._mark_first()
            self._pieces.append(text)
            self._on_delta(text)
        if choice.get("finish_reason"):
            self._finish = choice["finish_reason"]
        elif (
            text
            and self._should_stop is not None
            and len(self._pieces) % self._check_every == 0
            and self._should_stop("".join(self._pieces))
        ):
            self._finish = "repetition"
            self.done = self.stopped_early = True

    def _mark_first(self) -> None:
        if self._first_at is None:
            self._first_at = time.monotonic()

    def completion(self) -> Completion:
        """The whole answer, once `done`. Raises `EngineError` when the engine gave up on it."""
        if self._finish is None:
            raise classify.unexpected("a stream that ended without a finish reason")
        if self._finish in ("abort", "error"):
            # vLLM ends what is aboard like this when it shuts down or a request fails inside it.
            raise EngineError(
                f"The engine gave the request up (finish reason {self._finish}).",
                code="engine_reset",
                failure=Failure.TRANSIENT,
            )
        now = time.monotonic()
        first = self._first_at or now
        return Completion(
            text="".join(self._pieces),
            finish_reason=self._finish,
            usage=self._final_usage(),
            ttft_s=first - self._started,
            decode_s=now - first,
            tool_calls=tuple(self._tool_calls),
            reasoning="".join(self._reasoning) or None,
        )

    def _final_usage(self) -> Usage:
        if self._usage is None:
            if self.stopped_early:  # the engine never got to tell; the first delta is a token by itself
                return Usage(input_tokens=0, output_tokens=1 + (len(self._pieces) - 1) * self._tokens_a_delta)
            raise classify.unexpected("a stream without usage")
        details = self._usage.get("prompt_tokens_details") or {}
        images = (details.get("multimodal_tokens") or {}).get("image", 0)
        return Usage(
            input_tokens=self._usage.get("prompt_tokens", 0),
            image_tokens=images,
            output_tokens=self._usage.get("completion_tokens") or 0,
        )

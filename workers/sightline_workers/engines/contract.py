"""What an inference engine is to the rest of Sightline: values, failures and one protocol.

Everything that crosses the boundary is one of the frozen values below. An engine that can be called
through `Engine` (vLLM over HTTP, the simulated engine) passes one contract suite,
`tests/integration/engine_contract.py`.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from sightline.events.tool_calls import CallPiece


class Failure(StrEnum):
    """What a failed call says about its cause, and therefore what to do next. Classified exactly once."""

    # The request itself can never succeed: the job fails, nothing is retried.
    PERMANENT = "permanent"
    # The engine could not serve it now (busy, reset, timed out): a try is spent, the job is queued again.
    TRANSIENT = "transient"
    # The engine died with the call aboard: a crash is counted, no try is spent, the call is a suspect.
    CRASH = "crash"


class EngineError(Exception):
    """An engine call that ended without a completion.

    `code` is one of:

    | code                 | failure   | when                                                            |
    |----------------------|-----------|-----------------------------------------------------------------|
    | `engine_unavailable` | transient | connection refused or unresolvable: no work was done            |
    | `engine_busy`        | transient | 503 or 429; `retry_after_s` where the engine names it           |
    | `engine_reset`       | transient | connection closed before the first byte of an answer            |
    | `engine_timeout`     | transient | no whole answer within the request's `timeout_s`                |
    | `engine_error`       | transient | any other 5xx                                                   |
    | `engine_crashed`     | crash     | a 500 that names EngineCore, or a stream that broke off         |
    | `engine_protocol`    | transient | a 200 whose body is not what vLLM sends                         |
    | `image_not_cached`   | transient | a uuid without data that the engine has not, or no longer, seen |
    | `context_too_long`   | permanent | 400: prompt (plus `max_tokens`) exceeds the model's context     |
    | `too_many_images`    | permanent | 400: more media than `--limit-mm-per-prompt`                    |
    | `model_unknown`      | permanent | 404: the engine serves no such model                            |
    | `engine_rejected`    | permanent | any other 4xx: undecodable image, bad sampling value, …         |
    """

    def __init__(
        self,
        message: str,
        *,
        code: str,
        failure: Failure,
        status: int | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.failure = failure
        # HTTP status the engine answered, None when there was no answer.
        self.status = status
        # Seconds after which the engine asks to be tried again, None when it does not say.
        self.retry_after_s = retry_after_s


class Aborted(Exception):
    """The caller's `Abort` was set; `reason` is what it was set with. The engine drops the request."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Abort:
    """Stops one engine call from any thread, even while it is blocked on the network.

    `set` runs the interrupters that the call registered, once; an interrupter that is registered
    later runs at once. So there is no moment in which a call could miss it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._reason: str | None = None
        self._interrupters: list[Callable[[], None]] = []

    @property
    def reason(self) -> str | None:
        """Why the call is to stop, None while it may go on."""
        return self._reason

    def set(self, reason: str) -> None:
        """Ask the call to stop. The first reason stays; later calls do nothing."""
        with self._lock:
            if self._reason is not None:
                return
            self._reason = reason
            interrupters, self._interrupters = self._interrupters, []
        for interrupt in interrupters:
            interrupt()

    def attach(self, interrupt: Callable[[], None]) -> None:
        """Register what unblocks the call. Must be safe to run from another thread, and must not raise."""
        with self._lock:
            if self._reason is None:
                self._interrupters.append(interrupt)
                return
        interrupt()

    def detach(self, interrupt: Callable[[], None]) -> None:
        """Forget an interrupter, once the thing it interrupts is over."""
        with self._lock:
            if interrupt in self._interrupters:
                self._interrupters.remove(interrupt)

    def check(self) -> None:
        """Raise `Aborted` if it was set."""
        if self._reason is not None:
            raise Aborted(self._reason)


@dataclass(frozen=True, kw_only=True)
class EngineRequest:
    """One chat completion to run."""

    # Name the engine serves the model under.
    model: str
    # OpenAI chat messages; media are data URIs or vLLM uuid parts, never URLs to fetch.
    messages: Sequence[Mapping[str, Any]]
    # Sampling fields as vLLM takes them at top level: temperature, top_p, max_tokens, mm_processor_kwargs, …
    sampling: Mapping[str, Any]
    # vLLM's scheduling priority: lower runs earlier. 64-bit; only the engine's waiting queue is ordered.
    priority: int = 0
    # Separates prefix caches: requests share cached blocks only under the same salt. None shares with all.
    cache_salt: str | None = None
    # vLLM's constrained decoding, e.g. {"json": schema}, {"choice": […]}, {"regex": …}.
    structured_outputs: Mapping[str, Any] | None = None
    # OpenAI's response_format.
    response_format: Mapping[str, Any] | None = None
    # OpenAI tool definitions.
    tools: Sequence[Mapping[str, Any]] | None = None
    # Tokens that the engine may put together into one delta after the first; each delta costs both ends.
    tokens_a_delta: int = 1
    # Seconds the whole call may take, from connecting to the last token.
    timeout_s: float
    # Sent as X-Request-Id, so that the engine's log and ours name the same call.
    request_id: str


@dataclass(frozen=True, kw_only=True)
class Usage:
    """Tokens of one call, as the engine counted them."""

    # Prompt tokens, image tokens included.
    input_tokens: int
    # Of those, tokens that stand for images; 0 where the engine does not tell.
    image_tokens: int = 0
    # Generated tokens.
    output_tokens: int


@dataclass(frozen=True, kw_only=True)
class Completion:
    """A whole answer."""

    # The model's text as it came; the concatenation of all deltas.
    text: str
    # "stop", "length", "tool_calls", or "repetition" when `should_stop` ended it.
    finish_reason: str
    usage: Usage
    # Seconds from sending the request to the first delta.
    ttft_s: float
    # Seconds from the first delta to the end of the answer.
    decode_s: float
    # OpenAI tool calls, where the engine parsed them out of the text.
    tool_calls: tuple[Mapping[str, Any], ...] = ()
    # Reasoning text, where the engine split it off.
    reasoning: str | None = None


@dataclass(frozen=True, kw_only=True)
class Capacity:
    """What the engine has room for."""

    # Tokens its KV cache holds, over all requests aboard.
    kv_tokens: int
    # Longest prompt plus answer of one request, in tokens.
    max_model_len: int


class Engine(Protocol):
    """An engine that many threads call at once."""

    # Requests it runs at once; more would wait inside the engine, out of our order.
    max_concurrency: int

    def stream(
        self,
        request: EngineRequest,
        *,
        on_delta: Callable[[str], None],
        on_tool_call: Callable[[CallPiece], None] | None = None,
        abort: Abort,
        should_stop: Callable[[str], bool] | None = None,
    ) -> Completion:
        """Run one request to its end.

        `on_delta` gets every piece of text as it arrives, in this thread, and `on_tool_call` every piece of
        a tool call; what they raise ends the call and propagates. `should_stop`, when given, is asked now
        and then with the whole text so far (every `STOP_CHECK_TOKENS` tokens); True ends the call with
        finish reason "repetition" and frees the seat.

        Raises `EngineError` when there is no whole answer, `Aborted` when `abort` was set.
        """
        ...

    def models(self) -> tuple[str, ...]:
        """Names of the models it serves. Raises `EngineError`."""
        ...

    def capacity(self) -> Capacity:
        """What it has room for, as it reports itself. Raises `EngineError`."""
        ...

    def progress(self) -> int:
        """A counter that grows whenever the engine takes a step; a standstill under load means it hangs.

        Raises `EngineError`.
        """
        ...

    def canary(self, timeout_s: float) -> float:
        """Generate one token ahead of every waiting request; seconds it took. Raises `EngineError`."""
        ...


# How many tokens may pass between two questions to `should_stop`: a loop costs about as many.
STOP_CHECK_TOKENS = 32

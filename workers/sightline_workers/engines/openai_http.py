"""The client of an engine that speaks vLLM's OpenAI API over HTTP.

Synchronous, and used by many threads at once: every call holds one connection, and no lock is taken
while it waits. Each failure leaves as an `EngineError` that `classify` named.
"""

import json
import time
from collections.abc import Callable
from typing import Any

from sightline.events.tool_calls import CallPiece

from . import classify, vllm_metrics
from .answer import Answer
from .call import Call
from .connections import Connections
from .contract import Abort, Capacity, Completion, EngineRequest

# Ahead of every deadline-shaped priority, and within the 64 bits that vLLM allows.
CANARY_PRIORITY = -(2**62)
_OWN_FIELDS = frozenset(
    {"model", "messages", "stream", "stream_options", "priority", "cache_salt", "n", "stream_interval"}
)


class OpenAIEngine:
    """An `Engine` behind a base URL such as `http://127.0.0.1:8100` (a trailing `/v1` is fine)."""

    def __init__(
        self,
        base_url: str,
        *,
        max_concurrency: int,
        api_key: str | None = None,
        control_timeout_s: float = 5.0,
    ) -> None:
        self.base_url = base_url
        self.max_concurrency = max_concurrency
        # Seconds that models, metrics and the like may take.
        self._control_timeout_s = control_timeout_s
        self._connections = Connections(base_url)
        self._headers = {"Content-Type": "application/json"}
        if api_key:
            self._headers["Authorization"] = f"Bearer {api_key}"

    def stream(
        self,
        request: EngineRequest,
        *,
        on_delta: Callable[[str], None],
        on_tool_call: Callable[[CallPiece], None] | None = None,
        abort: Abort,
        should_stop: Callable[[str], bool] | None = None,
    ) -> Completion:
        """See `Engine.stream`."""
        abort.check()
        body = json.dumps(_body(request), separators=(",", ":")).encode()
        started = time.monotonic()
        answer = Answer(
            started=started,
            on_delta=on_delta,
            on_tool_call=on_tool_call,
            should_stop=should_stop,
            tokens_a_delta=request.tokens_a_delta,
        )
        with Call(self._connections, request.timeout_s, abort) as call:
            response = call.send(
                "POST", "/v1/chat/completions", body, {**self._headers, "X-Request-Id": request.request_id}
            )
            while not answer.done:
                data = call.read(response)
                if not data:
                    break
                answer.feed(data)
            if not answer.stopped_early:
                call.finish(response)
            return answer.completion()

    def models(self) -> tuple[str, ...]:
        """Names of the models it serves. Raises `EngineError`."""
        return tuple(str(card["id"]) for card in self.cards())

    def capacity(self) -> Capacity:
        """KV tokens from /metrics and the context length from /v1/models. Raises `EngineError`."""
        lengths = [card["max_model_len"] for card in self.cards() if card.get("max_model_len")]
        if not lengths:
            raise classify.unexpected("/v1/models without max_model_len")
        return Capacity(kv_tokens=vllm_metrics.kv_tokens(self.metrics()), max_model_len=min(lengths))

    def progress(self) -> int:
        """Tokens that went through the model so far, prompts and answers. Raises `EngineError`."""
        return int(vllm_metrics.total(self.metrics(), "vllm:iteration_tokens_total_sum"))

    def metrics(self) -> bytes:
        """The engine's own metrics page, Prometheus' text. Raises `EngineError`."""
        return self._get("/metrics")

    def canary(self, timeout_s: float) -> float:
        """Generate one token ahead of all that wait; seconds it took. Raises `EngineError`."""
        started = time.monotonic()
        self.stream(
            EngineRequest(
                model=self.models()[0],
                messages=[{"role": "user", "content": "ping"}],
                sampling={"max_tokens": 1, "temperature": 0},
                priority=CANARY_PRIORITY,
                timeout_s=timeout_s,
                request_id=f"canary-{time.time_ns()}",
            ),
            on_delta=lambda _: None,
            abort=Abort(),
        )
        return time.monotonic() - started

    def close(self) -> None:
        """Close the resting connections."""
        self._connections.close()

    def cards(self) -> list[dict[str, Any]]:
        """What it says of each model, OpenAI's objects with vLLM's fields. Raises `EngineError`."""
        try:
            cards = json.loads(self._get("/v1/models"))["data"]
        except (ValueError, KeyError, TypeError) as error:
            raise classify.unexpected(f"/v1/models ({error})") from error
        if not cards:
            raise classify.unexpected("/v1/models names no model")
        return list(cards)

    def _get(self, path: str) -> bytes:
        with Call(self._connections, self._control_timeout_s, Abort()) as call:
            response = call.send("GET", path, None, self._headers)
            pieces = []
            while data := call.read(response):
                pieces.append(data)
            call.finish(response)
            return b"".join(pieces)


def _body(request: EngineRequest) -> dict[str, Any]:
    clash = _OWN_FIELDS & request.sampling.keys()
    if clash:
        raise ValueError(f"Not sampling fields: {', '.join(sorted(clash))}")
    body: dict[str, Any] = {
        "model": request.model,
        "messages": request.messages,
        "stream": True,
        "stream_options": {"include_usage": True},
        "priority": request.priority,
        **request.sampling,
    }
    if request.tokens_a_delta > 1:
        body["stream_interval"] = request.tokens_a_delta
    for name in ("cache_salt", "structured_outputs", "response_format", "tools"):
        value = getattr(request, name)
        if value is not None:
            body[name] = value
    return body

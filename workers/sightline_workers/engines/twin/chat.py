"""Serving one `/v1/chat/completions` request: from its check to its last byte, in vLLM's JSON shapes."""

import json
import time
from typing import Any

from . import answers
from .chat_request import ChatRequest, parse
from .engine import TwinEngine
from .errors import Refusal, engine_dead, overloaded
from .http1 import Connection, HttpRequest
from .scheduler import Sequence
from .tokens import Token, delta, message

_LOOP = "the same line again and "


def serve(engine: TwinEngine, connection: Connection, http: HttpRequest) -> None:
    """Answer, now or as the scheduler lets tokens out."""
    faults = engine.faults
    if faults.hits("reset"):
        connection.reset()
        return
    try:
        if faults.hits("error500"):
            raise engine_dead()
        request = parse(http.body, engine.options, engine.known_images)
        answer = answers.malformed(request) if faults.hits("bad_json") else answers.answer(request)
    except Refusal as refusal:
        engine.record.refused[refusal.status] += 1
        connection.respond(refusal.status, refusal.body())
        return
    if request.stream:
        # vLLM sends the head before it knows whether the engine will take the request.
        connection.begin_stream()
    limit = engine.options.max_num_queued_reqs
    if faults.hits("busy") or (limit is not None and engine.scheduler.aboard >= limit):
        overload = overloaded()
        engine.record.refused[overload.status] += 1
        if request.stream:
            connection.send_events([overload.body(), b"[DONE]"])
            connection.end_stream()
        else:
            connection.respond(overload.status, overload.body(), retry_after=1)
        return
    _Exchange(engine, connection, http.headers.get("x-request-id", ""), request, answer).start()


class _Exchange:
    """One admitted request."""

    def __init__(
        self,
        engine: TwinEngine,
        connection: Connection,
        request_id: str,
        request: ChatRequest,
        answer: answers.TwinAnswer,
    ) -> None:
        self._engine = engine
        self._connection = connection
        self._request = request
        usual = answer.tokens() or [Token()]
        self._tokens = usual[: request.max_tokens]
        self._finish = answer.finish if len(usual) <= request.max_tokens else "length"
        if engine.faults.hits("loop"):
            self._tokens = [Token(text=_LOOP)] * request.max_tokens
            self._finish = "length"
        self._breaks_off = engine.faults.hits("reset_mid")
        self._entry = engine.record.arrived(
            request_id=request_id,
            priority=request.priority,
            prompt_tokens=request.prompt_tokens,
            images=len(request.images),
            body_bytes=request.body_bytes,
        )
        engine.prefixes.look_up(
            salt=request.cache_salt, parts=request.parts, prompt_tokens=request.prompt_tokens
        )
        self._call_id = f"call_{self._entry.number}"
        self._id = f"chatcmpl-{request_id or self._entry.number}"
        self._sent = 0
        self._sequence = Sequence(
            request=request,
            entry=self._entry,
            tokens=self._tokens,
            usual_tokens=len(usual),
            on_tokens=self._on_tokens,
            on_scheduled=self._on_scheduled,
        )
        head = {
            "id": self._id,
            "object": "chat.completion.chunk",
            "created": int(time.time()),
            "model": request.model,
        }
        self._head = json.dumps(head, separators=(",", ":"))[:-1].encode()

    def start(self) -> None:
        """Hand it to the scheduler."""
        self._connection.on_lost = self._lost
        self._engine.scheduler.add(self._sequence)

    def _on_scheduled(self) -> None:
        request = self._request
        if self._engine.faults.poison and self._engine.faults.is_poison(
            request.text, [image.sha256() for image in request.images]
        ):
            self._engine.die()
        self._engine.count_towards_crash()

    def _lost(self) -> None:
        self._engine.scheduler.abort(self._sequence)

    def _on_tokens(self, out: int) -> None:
        if self._breaks_off and out * 2 >= len(self._tokens):
            self._engine.record.finished(self._entry, "error")
            if out < len(self._tokens):
                self._engine.scheduler.release(self._sequence)
            self._connection.on_lost = None
            if self._request.stream and self._sent == 0:
                self._connection.send_events([self._delta({"role": "assistant", "content": ""})])
            # Not at once: bytes that were written must reach the client before the reset does.
            self._engine.loop.call_later(0.02, self._connection.reset)
            self._breaks_off = False
            return
        done = out >= len(self._tokens)
        if done:
            self._engine.record.finished(self._entry, self._finish)
        if self._request.stream:
            self._send_events(out, done)
        elif done:
            self._connection.respond(200, json.dumps(self._whole()).encode())

    def _send_events(self, out: int, done: bool) -> None:
        events: list[bytes] = []
        if self._sent == 0:
            events.append(self._delta({"role": "assistant", "content": ""}))
        while self._sent < out:
            # The first token goes out at once, later ones so many together, as vLLM does it.
            until = self._sent + (self._request.stream_interval if self._sent else 1)
            if until > out and not done:
                break
            said, self._sent = self._tokens[self._sent : until], min(until, out)
            finish = self._finish if self._sent == len(self._tokens) else None
            events.append(self._delta(delta(said, call_id=self._call_id), finish))
        if not events:
            return
        if done:
            if self._request.include_usage:
                usage = json.dumps(self._usage(), separators=(",", ":")).encode()
                events.append(b'%b,"choices":[],"usage":%b}' % (self._head, usage))
            events.append(b"[DONE]")
        self._connection.send_events(events)
        if done:
            self._connection.end_stream()

    def _delta(self, said: dict[str, Any], finish: str | None = None) -> bytes:
        return b'%b,"choices":[{"index":0,"delta":%b,"logprobs":null,"finish_reason":%b}]}' % (
            self._head,
            json.dumps(said, separators=(",", ":")).encode(),
            b"null" if finish is None else b'"%b"' % finish.encode(),
        )

    def _usage(self) -> dict[str, Any]:
        prompt, answer = self._request.prompt_tokens, len(self._tokens)
        usage: dict[str, Any] = {
            "prompt_tokens": prompt,
            "total_tokens": prompt + answer,
            "completion_tokens": answer,
        }
        if self._request.images:
            usage["prompt_tokens_details"] = {"multimodal_tokens": {"image": self._request.image_tokens}}
        return usage

    def _whole(self) -> dict[str, Any]:
        said = message(self._tokens, call_id=self._call_id)
        return {
            "id": self._id,
            "object": "chat.completion",
            "created": int(time.time()),
            "model": self._request.model,
            "choices": [{"index": 0, "message": said, "logprobs": None, "finish_reason": self._finish}],
            "usage": self._usage(),
        }

"""The ASGI app in front: it reads bodies, hands requests to Django's WSGI app, and does all the waiting."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any
from uuid import UUID

from django.db import DatabaseError

from sightline.api import problem as problems
from sightline.api import streams, waits
from sightline.api.openai import error as openai_error
from sightline.errors import Problem, Unavailable
from sightline.events import boards
from sightline.events.batch_stream import BatchStream
from sightline.events.batch_stream import Look as BatchLook
from sightline.events.reading import LiveReader
from sightline.events.stream import JobStream, Look
from sightline.events.waiting import Waiters
from sightline.web import sse
from sightline.web.boards import Boards
from sightline.web.body import TOTAL_S, ClientGone, Receive, drain, read_body
from sightline.web.bridge import CHUNKED, Bridge, Call, Chunks, Headers, Response, Scope
from sightline.web.completions import CompletionChunks
from sightline.web.responses import ResponseEvents
from sightline.web.sse import Outcome, Send

log = logging.getLogger("sightline.web")

_WAIT = waits.HEADER.lower().encode()
_STREAM = streams.HEADER.lower().encode()
_COMPLETION = streams.COMPLETION.lower().encode()
_BOARD = boards.HEADER.lower().encode()
_CHUNKED = CHUNKED.lower().encode()
_FILES = "/v1/files"
"""The one address that takes more than `max_body_bytes`, and so asks who sends it before anything is read."""
_FILE_S = 3600.0
"""Longest time that a file may take to arrive."""
_LONGEST_COMPLETION_S = 900.0
"""OpenAI's clients give up after 600 s unless they are told otherwise."""
_CONDITIONS = frozenset(
    {b"if-none-match", b"if-modified-since", b"prefer", b"content-type", b"idempotency-key"}
)
_SECURE: Headers = [(b"x-content-type-options", b"nosniff"), (b"referrer-policy", b"same-origin")]


class Shell:
    """One per process."""

    def __init__(
        self,
        *,
        bridge: Bridge,
        waiters: Waiters,
        batch_waiters: Waiters,
        live: LiveReader,
        boards: Boards,
        history: Look,
        batch: BatchLook,
        cancel: Callable[[UUID], Awaitable[None]],
        max_body_bytes: int,
        max_file_bytes: int,
    ) -> None:
        self._bridge = bridge
        self._waiters = waiters
        self._batch_waiters = batch_waiters
        self._live = live
        self._boards = boards
        self._history = history
        self._batch = batch
        self._cancel = cancel
        self._max_body_bytes = max_body_bytes
        self._max_file_bytes = max_file_bytes

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1000})

    def let_go(self) -> None:
        """Answer everybody who waits with the current state, and let nobody wait any more: the server stops."""
        self._waiters.let_go()
        self._batch_waiters.let_go()
        self._boards.let_go()

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        self.let_go()
        await self._waiters.close()
        await self._batch_waiters.close()
        await self._live.close()
        self._bridge.close()
        await send({"type": "lifespan.shutdown.complete"})

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/healthz" and scope["method"] in ("GET", "HEAD"):
            # Without a thread: while all of them wait for a database, the process is alive all the same.
            await _send(send, scope, Response(status=200, headers=_json_headers(), body=b'{"status":"ok"}'))
            return
        try:
            if self._bridge.crowded:
                raise Unavailable("Too many requests wait here. Try again in a moment.")
            if scope["path"] == _FILES and scope["method"] == "POST":
                refusal = await self._may_send_file(scope)
                if refusal is not None:
                    await _turn_away(send, receive, refusal)
                    return
                limit, total_s = self._max_file_bytes, _FILE_S
            else:
                limit, total_s = self._max_body_bytes, TOTAL_S
            body, length = await read_body(receive, scope["headers"], limit=limit, total_s=total_s)
        except ClientGone:
            return
        except Problem as refusal:
            await _refuse(send, receive, scope, refusal)
            return
        except OSError as error:  # the body's file: no descriptor, no disk
            await _turn_away(send, receive, _unexpected(scope, error))
            return
        try:
            with body:
                response = await self._bridge.call(Call(scope=scope, body=body, length=length))
            stream = response.header(_STREAM)
            if stream is not None and scope["method"] != "HEAD":
                await self._stream(receive, send, streams.Stream.parse(stream.decode("latin1")))
                return
            board = response.header(_BOARD)
            if board is not None and scope["method"] != "HEAD":
                await self._boards.serve(boards.Watch.parse(board.decode("latin1")), receive, send)
                return
            completion = response.header(_COMPLETION)
            if completion is not None:
                asked = streams.Completion.parse(completion.decode("latin1"))
                answer = await self._complete(scope, receive, send, asked)
                if answer is None:
                    return
                response = answer
            wait = response.header(_WAIT)
            if wait is not None:
                response = await self._hold(scope, receive, response, waits.Wait.parse(wait.decode("latin1")))
        except ClientGone:
            return
        except Exception as error:
            response = _unexpected(scope, error)
        if response.chunks is not None:
            await self._send_chunks(receive, send, response, response.chunks)
        else:
            await _send(send, scope, response)

    async def _may_send_file(self, scope: Scope) -> Response | None:
        """None when the view would take a file of this client; else its refusal."""
        try:
            answer = await self._bridge.call(Call(scope=scope, environ={waits.ASKED: True}))
        except Exception as error:
            return _unexpected(scope, error)
        return None if answer.status == 204 else answer

    async def _send_chunks(self, receive: Receive, send: Send, response: Response, chunks: Chunks) -> None:
        """A long body, each piece when the client has taken the one before."""
        headers = response.without(_CHUNKED).headers
        gone = asyncio.ensure_future(sse.until_gone(receive))
        try:
            await send({"type": "http.response.start", "status": response.status, "headers": headers})
            while not gone.done() and (piece := await self._bridge.run(chunks.next)) is not None:
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        finally:  # a failure ends the connection without the last chunk: the client sees that something is missing
            gone.cancel()
            await self._bridge.run(chunks.close)

    async def _stream(self, receive: Receive, send: Send, asked: streams.Stream) -> None:
        """The events of a job or batch for as long as it lives; no thread is held meanwhile."""
        stream: sse.Followed
        if asked.batch:
            stream = BatchStream(batch_id=asked.of, after=asked.after, look=self._batch)
        else:
            stream = JobStream(job_id=asked.of, after=asked.after, look=self._history, pieces=self._live)
        await sse.serve(
            stream=stream,
            of=asked.of,
            waiters=self._batch_waiters if asked.batch else self._waiters,
            form=sse.ServerSentEvents(),
            receive=receive,
            send=send,
        )

    async def _complete(
        self, scope: Scope, receive: Receive, send: Send, asked: streams.Completion
    ) -> Response | None:
        """The completion once the job ended; None when it was streamed. A client that hangs up cancels the job."""
        if asked.stream:
            form = _form(asked)
            stream = JobStream(job_id=asked.job_id, after=0, look=self._history, pieces=self._live)
            outcome = await sse.serve(
                stream=stream,
                of=asked.job_id,
                waiters=self._waiters,
                form=form,
                receive=receive,
                send=send,
            )
            if not stream.ended and not asked.kept:
                await self._cancel(asked.job_id)
            if outcome is not Outcome.UNSENT:
                return None
        else:
            gone = asyncio.ensure_future(sse.until_gone(receive))
            try:
                async with self._waiters.on(asked.job_id) as waiter:
                    if not await self._waiters.has_ended(asked.job_id):
                        gone.add_done_callback(lambda _: waiter.wake())
                        await waiter.woken(within_s=_LONGEST_COMPLETION_S)
                if gone.done():
                    await self._cancel(asked.job_id)
                    raise ClientGone
            finally:
                gone.cancel()
        if self._waiters.closing and not await self._waiters.has_ended(asked.job_id):
            await self._cancel(asked.job_id)  # the client asks again, and would have two
            return _problem(scope, Unavailable("The server restarts. Ask again in a moment."))
        return await self._get(scope, asked.path)

    async def _get(self, scope: Scope, path: str) -> Response:
        """What a GET of the same client would be answered."""
        headers = [(name, value) for name, value in scope["headers"] if name not in _CONDITIONS]
        again = {**scope, "headers": headers, "raw_path": path.encode(), "query_string": b"", "method": "GET"}
        return await self._bridge.call(Call(scope=again, environ={waits.REREAD: True}))

    async def _hold(self, scope: Scope, receive: Receive, first: Response, wait: waits.Wait) -> Response:
        """The answer once the job ended, or the current one when the time is up.

        Subscribe, then look, then wait: an end between the first answer and the subscription is seen by the look.
        A look asks for the status alone; through the view it would cost a third of all that a waiting POST costs.
        """
        gone = asyncio.ensure_future(sse.until_gone(receive))
        try:
            async with self._waiters.on(wait.job_id) as waiter:
                if not await self._waiters.has_ended(wait.job_id):
                    gone.add_done_callback(lambda _: waiter.wake())
                    await waiter.woken(within_s=wait.seconds)
                if gone.done():
                    raise ClientGone
                response = await self._reread(scope, wait)
        finally:
            gone.cancel()
        return _answer(scope, first, response, wait)

    async def _reread(self, scope: Scope, wait: waits.Wait) -> Response:
        """The job as the waiter's own GET would show it now."""
        headers = scope["headers"]
        if scope["method"] == "POST":
            headers = [(name, value) for name, value in headers if name not in _CONDITIONS]
        again = {**scope, "headers": headers, "raw_path": wait.path.encode(), "query_string": b""}
        again["method"] = "GET" if scope["method"] == "POST" else scope["method"]
        return await self._bridge.call(Call(scope=again, environ={waits.REREAD: True}))


def _form(asked: streams.Completion) -> sse.Form:
    if asked.form == "response":
        return ResponseEvents(head=asked.head, after=asked.after, kept=asked.kept)
    return CompletionChunks(head=asked.head, include_usage=asked.include_usage)


def _answer(scope: Scope, first: Response, last: Response, wait: waits.Wait) -> Response:
    """What a waiter gets: for a GET the last look; for a POST 200 with the ended job or 202 with the running one."""
    if scope["method"] != "POST":
        return last
    if last.status != 200:
        return first  # accepted it is, whatever happened since
    ended = last.header(_WAIT) is None
    applied = (b"preference-applied", f"wait={wait.seconds:.0f}".encode())
    names = {b"location"} if ended else {b"location", b"retry-after"}
    kept = [(name, value) for name, value in first.headers if name in names]
    return replace(last, status=200 if ended else 202, headers=[*last.headers, *kept, applied])


async def _refuse(send: Send, receive: Receive, scope: Scope, problem: Problem) -> None:
    """Answer without having read the body, and close the connection."""
    await _turn_away(send, receive, _problem(scope, problem))


async def _turn_away(send: Send, receive: Receive, response: Response) -> None:
    headers = [
        *((name, value) for name, value in response.headers if name != b"content-length"),
        (b"connection", b"close"),
        (b"content-length", str(len(response.body)).encode()),
    ]
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": response.body, "more_body": True})
    await drain(receive)
    await send({"type": "http.response.body", "body": b""})


async def _send(send: Send, scope: Scope, response: Response) -> None:
    response = response.without(_WAIT, _STREAM, _COMPLETION, _BOARD)
    headers = response.headers
    if response.header(b"content-length") is None and response.status not in (204, 304):
        headers = [*headers, (b"content-length", str(len(response.body)).encode())]
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else response.body})


def _unexpected(scope: Scope, error: Exception) -> Response:
    if isinstance(error, Problem):
        return _problem(scope, error)
    if isinstance(error, OSError | DatabaseError):
        # No file is to be had (descriptors, disk), or no database between the requests of a connection: it passes.
        log.error("event=request_starved path=%s", scope["path"], exc_info=error)
        return _problem(scope, Unavailable("The server has no room for this request. Try again in a moment."))
    log.error("event=request_failed path=%s", scope["path"], exc_info=error)
    return _problem(scope, Problem("An unexpected error happened; it was logged.", code="internal_error"))


def _problem(scope: Scope, problem: Problem) -> Response:
    more = [(name.lower().encode(), value.encode()) for name, value in problems.headers(problem).items()]
    if scope["path"].startswith(openai_error.PREFIX):
        return Response(
            status=openai_error.status(problem),
            headers=[(b"content-type", b"application/json"), *_SECURE, *more],
            body=openai_error.body(problem),
        )
    parent = next((value for name, value in scope["headers"] if name == b"traceparent"), b"")
    trace = problems.trace_id(parent.decode("latin1"))
    return Response(
        status=problem.status,
        headers=[(b"content-type", problems.CONTENT_TYPE.encode()), *_SECURE, *more],
        body=problems.body(problem, trace=trace),
    )


def _json_headers() -> Headers:
    return [(b"content-type", b"application/json"), (b"cache-control", b"no-store"), *_SECURE]

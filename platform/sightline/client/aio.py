"""The asynchronous client: the same operations as the synchronous one's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Mapping, MutableMapping
from contextlib import AsyncExitStack, ExitStack, aclosing, closing
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx

from sightline.client import transport
from sightline.client.batches import Batch
from sightline.client.bulk import AsyncBulk
from sightline.client.fleet import AsyncFleet
from sightline.client.images import Image
from sightline.client.operations import Filter, OnEvent, Operations
from sightline.client.sessions import AsyncSessions
from sightline.client.values import Comparison, Event, Explanation, Job
from sightline.client.wire import Answer, Close, Effect, Emit, Flow, Load, Open, Pause, Read, Request, Send

T = TypeVar("T")


class AsyncClient:
    """Speaks to one server with one key; for one event loop.

    `timeout_s`: to connect. `patience_s`: how long a server that is busy or restarts is asked again; every request
    here may be repeated without harm. `uploads`: what remembers the ids of sent images by SHA-256, by default for as
    long as the client lives. `on_trouble`: told in a sentence when a request is asked again and again.
    """

    def __init__(
        self,
        *,
        url: str,
        key: str,
        timeout_s: float = 10.0,
        patience_s: float = 30.0,
        uploads: MutableMapping[str, str] | None = None,
        on_trouble: Callable[[str], object] | None = None,
    ) -> None:
        self.url = url.rstrip("/")
        self._do = Operations(url=self.url, patience_s=patience_s, uploads=uploads, on_trouble=on_trouble)
        self.bulk = AsyncBulk(self._do.bulk, self._run, self._iterate)
        self.fleet = AsyncFleet(self._do.fleet, self._run)
        self.sessions = AsyncSessions(self._do.sessions, self._run, self._iterate)
        self._http = httpx.AsyncClient(**transport.options(url=self.url, key=key, timeout_s=timeout_s))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        await self._http.aclose()

    async def upload(self, image: Path | bytes) -> str:
        """Send an image, once; the `upload_id` that stands for it in an input."""
        return await self._run(self._do.upload(image))

    async def submit(
        self,
        kind: str,
        input: Mapping[str, Any] | None = None,
        *,
        images: Iterable[Image] = (),
        params: Mapping[str, Any] | None = None,
        wait_s: float = 0.0,
        idempotency_key: str | None = None,
        **envelope: Any,
    ) -> Job:
        """Create a job; `envelope`: model, tags, metadata, session, deadline_ms, max_attempts, retention_s, …

        `images` become the input's; files are uploaded, each once. With `wait_s` (30 s at most) the answer is the
        ended job where it ends within that time. One idempotency key holds for all tries of this call, so a lost
        answer makes no second job; a key of your own makes the call itself repeatable.
        """
        return await self._run(
            self._do.submit(
                kind,
                input or {},
                images=images,
                params=params,
                wait_s=wait_s,
                idempotency_key=idempotency_key,
                envelope=envelope,
            )
        )

    async def run(
        self,
        kind: str,
        input: Mapping[str, Any] | None = None,
        *,
        timeout_s: float | None = None,
        on_event: OnEvent | None = None,
        cancel_on_interrupt: bool = True,
        **request: Any,
    ) -> Job:
        """`submit` and `wait` in one; cancelling this call cancels the job, unless told otherwise."""
        job = await self.submit(kind, input, **request)
        return await self.wait(
            job.id, timeout_s=timeout_s, on_event=on_event, cancel_on_interrupt=cancel_on_interrupt
        )

    async def job(self, job_id: str, *, wait_s: float = 0.0) -> Job:
        """The job now, or once it ended within `wait_s` seconds (30 at most)."""
        return await self._run(self._do.job(job_id, wait_s=wait_s))

    async def wait(
        self,
        job_id: str,
        *,
        timeout_s: float | None = None,
        stream: bool = True,
        on_event: OnEvent | None = None,
        cancel_on_interrupt: bool = False,
    ) -> Job:
        """The job once it ended, or as it is after `timeout_s` seconds (None: for ever).

        Without a limit it follows the job's events, which `on_event` may see, across restarts of the server; with
        one, or `stream=False`, it lets the server hold its requests. A reader of events makes the worker publish
        every piece of text, so who waits for hundreds of jobs does better without.
        """
        try:
            return await self._run(
                self._do.wait(job_id, timeout_s=timeout_s, stream=stream, on_event=on_event)
            )
        except asyncio.CancelledError:
            if cancel_on_interrupt:
                await asyncio.shield(self.cancel(job_id))
            raise

    def events(self, job_id: str, *, after: int = 0) -> AsyncIterator[Event]:
        """The job's events as they happen, up to the one that ends it, across restarts of the server."""
        return self._iterate(self._do.events(job_id, after=after))

    async def cancel(self, job_id: str, *, reason: str | None = None) -> Job:
        """End a job that waits or runs."""
        return await self._run(self._do.cancel(job_id, reason=reason))

    async def retry(
        self,
        job_id: str,
        *,
        input: Mapping[str, Any] | None = None,
        params: Mapping[str, Any] | None = None,
        reason: str | None = None,
    ) -> Job:
        """Run an ended job once more; one that is queued or runs already is left as it is.

        `input` and `params` replace single fields of what it was asked.
        """
        body = {"input": input, "params": params, "reason": reason}
        return await self._run(self._do.retry(job_id, body=body))

    async def expire(self, job_id: str, *, reason: str | None = None) -> Job:
        """End a job that waits or runs as expired."""
        return await self._run(self._do.act(job_id, "expire", {"reason": reason}))

    async def move(self, job_id: str, seats: str, *, reason: str | None = None) -> Job:
        """Let a job that waits take the seats of this kind."""
        return await self._run(self._do.act(job_id, "move", {"seats": seats, "reason": reason}))

    async def quarantine(self, job_id: str, *, reason: str | None = None) -> Job:
        """End a job and refuse its images from now on (scope admin)."""
        return await self._run(self._do.act(job_id, "quarantine", {"reason": reason}))

    async def release(self, job_id: str, *, reason: str | None = None) -> Job:
        """Accept the images of a quarantined job again and run it once more, alone (scope admin)."""
        return await self._run(self._do.act(job_id, "release", {"reason": reason}))

    async def replay(
        self,
        job_id: str,
        *,
        model: str | None = None,
        params: Mapping[str, Any] | None = None,
        idempotency_key: str | None = None,
    ) -> Job:
        """A new job with the input of an old one, and another model or other parameters."""
        return await self._run(
            self._do.replay(job_id, model=model, params=params, idempotency_key=idempotency_key)
        )

    async def erase(self, job_id: str) -> None:
        """Erase input and output of an ended job."""
        await self._run(self._do.erase(job_id))

    async def explain(self, job_id: str) -> Explanation:
        """Why the job waits."""
        return await self._run(self._do.explain(job_id))

    async def compare(self, first: str, second: str) -> Comparison:
        """The second job against the first, both of one kind: a replay with its original, most of all."""
        return await self._run(self._do.compare(first, second))

    def jobs(self, *, limit: int | None = None, **filters: Filter) -> AsyncIterator[Job]:
        """Jobs, newest first, page by page; `filters` as the API names them (kind, status, tag, …)."""
        return self._iterate(self._do.jobs(limit=limit, filters=filters))

    def export(self, **filters: Filter) -> AsyncIterator[dict[str, Any]]:
        """Every job that the filters find, newest first, as one stream of documents with usage and times."""
        return self._iterate(self._do.export(filters=filters))

    async def send_file(self, file: Path, *, purpose: str = "batch") -> str:
        """The id of a file on the server; it is read while it is sent."""
        return await self._run(self._do.batches.send_file(file, purpose=purpose))

    async def create_batch(
        self,
        input_file_id: str,
        *,
        endpoint: str = "/v1/chat/completions",
        completion_window: str = "24h",
        metadata: Mapping[str, str] | None = None,
        idempotency_key: str | None = None,
    ) -> Batch:
        """Run the requests of a file that was sent; one idempotency key holds for all tries of this call."""
        return await self._run(
            self._do.batches.create(
                input_file_id,
                endpoint=endpoint,
                completion_window=completion_window,
                metadata=metadata,
                idempotency_key=idempotency_key,
            )
        )

    async def batch(self, batch_id: str) -> Batch:
        """The batch now."""
        return await self._run(self._do.batches.batch(batch_id))

    def follow_batch(self, batch_id: str) -> AsyncIterator[Batch]:
        """The batch whenever it moves on, up to its end, across restarts of the server."""
        return self._iterate(self._do.batches.follow(batch_id))

    async def cancel_batch(self, batch_id: str) -> Batch:
        """End a batch; what has ended stays readable."""
        return await self._run(self._do.batches.cancel(batch_id))

    def batches(self, *, limit: int | None = None) -> AsyncIterator[Batch]:
        """Batches, newest first, page by page."""
        return self._iterate(self._do.batches.batches(limit=limit))

    def lines(self, file_id: str, *, skip: int = 0) -> AsyncIterator[bytes]:
        """A file's lines after the first `skip`; of the output of a batch that runs, those so far."""
        return self._iterate(self._do.batches.lines(file_id, skip=skip))

    async def _run(self, flow: Flow[T]) -> T:
        """An operation's result."""
        result = _Result()
        async for _ in self._steps(flow, result):
            raise AssertionError("an operation with a result emits nothing")
        found: T = result.value
        return found

    async def _iterate(self, flow: Flow[None]) -> AsyncIterator[Any]:
        """What an operation emits."""
        async with aclosing(self._steps(flow, _Result())) as steps:
            async for value in steps:
                yield value

    async def _steps(self, flow: Flow[T], into: _Result) -> AsyncGenerator[Any, None]:
        """Performs an operation: yields what it emits; its result goes `into`."""
        with closing(flow):
            async with _Performer(self._http) as performer:
                result: Any = None
                error: httpx.HTTPError | None = None
                while True:
                    try:
                        effect = flow.send(result) if error is None else flow.throw(error)
                    except StopIteration as stop:
                        into.value = stop.value
                        return
                    result = error = None
                    if isinstance(effect, Emit):
                        yield effect.value
                        continue
                    try:
                        result = await performer.perform(effect)
                    except httpx.HTTPError as broken:
                        error = broken


class _Result:
    """An asynchronous generator cannot return a value."""

    value: Any = None


class _Performer:
    """Performs the effects of one operation, which has one open answer at most."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http
        self._stack = AsyncExitStack()
        self._chunks: AsyncIterator[bytes] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def perform(self, effect: Effect) -> Any:
        match effect:
            case Send(request=request):
                with ExitStack() as files:
                    sent = transport.arguments(request, self._http.timeout, files)
                    return transport.answer(await self._http.request(**sent))
            case Open(request=request):
                return await self._open(request)
            case Read():
                return b"" if self._chunks is None else await anext(self._chunks, b"")
            case Close():
                await self._stack.aclose()
            case Pause(seconds=seconds):
                await asyncio.sleep(seconds)
            case Load(path=path):
                return await asyncio.to_thread(path.read_bytes)
        return None

    async def _open(self, request: Request) -> Answer:
        await self._stack.aclose()
        with ExitStack() as files:
            sent = transport.arguments(request, self._http.timeout, files)
            response = await self._stack.enter_async_context(self._http.stream(**sent))
        if not response.is_success:
            await response.aread()
        self._chunks = response.aiter_bytes()
        return transport.answer(response, read=not response.is_success)

"""What a client can do, each as one generator of effects (see `wire`)."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from sightline.client.batches import BROKEN_READS, BatchOperations
from sightline.client.bulk import BulkOperations
from sightline.client.errors import Conflict, InvalidRequest, StreamUnusable, Unreachable
from sightline.client.fleet import FleetOperations
from sightline.client.images import Image, Uploads
from sightline.client.patience import Patience, pause_after_break
from sightline.client.sessions import SessionOperations
from sightline.client.streams import EventStream
from sightline.client.values import Comparison, Event, Explanation, Job
from sightline.client.wire import Close, Emit, Flow, Json, Pause, Read, Request

LONGEST_WAIT_S = 30.0
"""What one request asks the server to hold; longer waits are several requests."""
_MARGIN_S = 15.0
_PAGE = 100

OnEvent = Callable[[Event], object]
Filter = str | datetime | None


class Operations:
    """One per client; holds what its requests share."""

    def __init__(
        self,
        *,
        url: str,
        patience_s: float,
        uploads: MutableMapping[str, str] | None,
        on_trouble: Callable[[str], object] | None,
    ) -> None:
        self._patience = Patience(url=url, seconds=patience_s, on_trouble=on_trouble)
        self._uploads = Uploads(self._patience, {} if uploads is None else uploads)
        self.batches = BatchOperations(self._patience)
        self.bulk = BulkOperations(self._patience)
        self.sessions = SessionOperations(self._patience)
        self.fleet = FleetOperations(self._patience)

    def upload(self, image: Path | bytes) -> Flow[str]:
        """The `upload_id` of an image."""
        return (yield from self._uploads.upload(image))

    def submit(
        self,
        kind: str,
        input: Mapping[str, Any],
        *,
        images: Iterable[Image] = (),
        params: Mapping[str, Any] | None = None,
        wait_s: float = 0.0,
        idempotency_key: str | None = None,
        envelope: Mapping[str, Any],
    ) -> Flow[Job]:
        """The accepted job; the ended one where it ended within `wait_s`."""
        images = list(images)
        key = idempotency_key or str(uuid.uuid4())
        body: Json = {"kind": kind, "input": dict(input)}
        body |= {name: value for name, value in envelope.items() if value is not None}
        if params:
            body["params"] = dict(params)
        if isinstance(body.get("session"), str):
            body["session"] = {"id": body["session"]}
        while True:
            if images:
                body["input"]["images"] = yield from self._uploads.named(images)
            try:
                return (yield from self._create(body, key, wait_s))
            except InvalidRequest as refused:
                unknown = any(error.pointer.endswith("/upload_id") for error in refused.errors)
                if not (images and unknown and self._uploads.forget()):
                    raise  # else: what was once sent has been erased meanwhile, and is sent again

    def _create(self, body: Json, key: str, wait_s: float) -> Flow[Job]:
        headers = {"Idempotency-Key": key}
        held = min(wait_s, LONGEST_WAIT_S)
        if held > 0:
            headers["Prefer"] = f"wait={max(1, round(held))}"
        request = Request(
            method="POST", path="/api/v1/jobs", json=body, headers=headers, read_s=_MARGIN_S + held
        )
        return Job.read((yield from self._patience.send(request)).json())

    def job(self, job_id: str, *, wait_s: float = 0.0) -> Flow[Job]:
        """The job now, or once it ended within `wait_s` seconds."""
        held = max(0.0, min(wait_s, LONGEST_WAIT_S))
        request = Request(
            method="GET",
            path=f"/api/v1/jobs/{job_id}",
            query={"wait": f"{round(held, 3):g}"} if held else {},
            read_s=_MARGIN_S + held,
        )
        return Job.read((yield from self._patience.send(request)).json())

    def wait(
        self, job_id: str, *, timeout_s: float | None, stream: bool, on_event: OnEvent | None
    ) -> Flow[Job]:
        """The job once it ended, or as it is after `timeout_s` seconds."""
        until = None if timeout_s is None else time.monotonic() + timeout_s
        job = yield from self.job(job_id)
        if job.ended:
            return job
        if stream and until is None:  # a stream cannot be left at a given moment, a held request can
            with suppress(StreamUnusable):
                yield from self._follow(job_id, on_event)
        while True:
            left = LONGEST_WAIT_S if until is None else until - time.monotonic()
            if left <= 0:
                return job
            job = yield from self.job(job_id, wait_s=left)
            if job.ended:
                return job

    def _follow(self, job_id: str, on_event: OnEvent | None) -> Flow[None]:
        stream = EventStream(self._patience, path=f"/api/v1/jobs/{job_id}/events")
        while not stream.ended:
            for event in (yield from stream.more()):
                if on_event is not None:
                    on_event(event)

    def events(self, job_id: str, *, after: int = 0) -> Flow[None]:
        """Emits the events that follow number `after`, up to the one that ends the job."""
        stream = EventStream(self._patience, path=f"/api/v1/jobs/{job_id}/events", after=after)
        while not stream.ended:
            for event in (yield from stream.more()):
                yield Emit(value=event)

    def cancel(self, job_id: str, *, reason: str | None = None) -> Flow[Job]:
        """The job, ended or about to."""
        return (yield from self.act(job_id, "cancel", {"reason": reason}))

    def retry(self, job_id: str, *, body: Json | None = None) -> Flow[Job]:
        """The job, queued once more; one that is queued or runs already is left as it is."""
        try:
            return (yield from self.act(job_id, "retry", body))
        except Conflict:
            # Perhaps of our own doing: the answer to a first try was lost.
            job = yield from self.job(job_id)
            if job.ended:
                raise
            return job

    def replay(
        self,
        job_id: str,
        *,
        model: str | None,
        params: Mapping[str, Any] | None,
        idempotency_key: str | None,
    ) -> Flow[Job]:
        """A new job with the input of an old one."""
        body: Json = {"model": model} if model else {}
        if params:
            body["params"] = dict(params)
        headers = {"Idempotency-Key": idempotency_key or str(uuid.uuid4())}
        path = f"/api/v1/jobs/{job_id}/replay"
        request = Request(method="POST", path=path, json=body, headers=headers)
        return Job.read((yield from self._patience.send(request)).json())

    def act(self, job_id: str, verb: str, body: Json | None = None) -> Flow[Job]:
        """The job after something was done to it; of `body` only what is not None is sent."""
        sent = {name: value for name, value in (body or {}).items() if value is not None}
        request = Request(method="POST", path=f"/api/v1/jobs/{job_id}/{verb}", json=sent or None)
        return Job.read((yield from self._patience.send(request)).json())

    def erase(self, job_id: str) -> Flow[None]:
        """Input and output are gone; a tombstone stays. Conflict while the job has not ended."""
        yield from self._patience.send(Request(method="DELETE", path=f"/api/v1/jobs/{job_id}"))

    def explain(self, job_id: str) -> Flow[Explanation]:
        """Why the job waits."""
        request = Request(method="GET", path=f"/api/v1/jobs/{job_id}/explain")
        return Explanation.read((yield from self._patience.send(request)).json())

    def compare(self, first: str, second: str) -> Flow[Comparison]:
        """The second job against the first."""
        request = Request(method="GET", path=f"/api/v1/jobs/{first}/compare", query={"with": second})
        return Comparison.read((yield from self._patience.send(request)).json())

    def jobs(self, *, limit: int | None, filters: Mapping[str, Filter]) -> Flow[None]:
        """Emits jobs, newest first, page by page."""
        query = {name: _text(value) for name, value in filters.items() if value}
        left = limit
        while left is None or left > 0:
            query["limit"] = str(_PAGE if left is None else min(left, _PAGE))
            answer = yield from self._patience.send(Request(method="GET", path="/api/v1/jobs", query=query))
            page = answer.json()
            for document in page["data"]:
                yield Emit(value=Job.read(document))
            left = None if left is None else left - len(page["data"])
            if not page["has_more"]:
                return
            query["cursor"] = page["next_cursor"]

    def export(self, *, filters: Mapping[str, Filter]) -> Flow[None]:
        """Emits every job as the export has it, newest first; an answer that breaks off goes on after its last job."""
        query = {name: _text(value) for name, value in filters.items() if value}
        broken = 0
        while True:
            request = Request(method="GET", path="/api/v1/jobs/export", query=query, read_s=60.0)
            yield from self._patience.open(request)
            rest = b""
            try:
                while data := (yield Read()):
                    *whole, rest = (rest + data).split(b"\n")
                    for line in whole:
                        document = json.loads(line)
                        query["cursor"], broken = document["id"], 0
                        yield Emit(value=document)
            except httpx.TransportError as error:
                yield Close()
                broken += 1
                if broken > BROKEN_READS:
                    raise Unreachable(f"{self._patience.url} broke off: {error}") from error
                yield Pause(seconds=pause_after_break(broken))
                continue
            yield Close()
            return


def _text(value: str | datetime | None) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return str(value)

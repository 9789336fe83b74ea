"""Files and batches of `/v1`: many requests as one file of JSON lines."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import httpx

from sightline.client.errors import StreamUnusable, Unreachable
from sightline.client.patience import Patience, pause_after_break
from sightline.client.streams import EventStream
from sightline.client.values import BATCH_ENDED
from sightline.client.wire import Close, Emit, Flow, Json, Pause, Read, Request

_UPLOAD_S = 300.0
"""Half a gigabyte is checked and stored before the answer."""
_PAGE = 100
_FIRST_LOOK_S, _LONGEST_LOOK_S = 0.5, 5.0
BROKEN_READS = 10


@dataclass(frozen=True, kw_only=True)
class Batch:
    """A batch as the server last showed it."""

    id: str
    status: str
    """validating, in_progress, finalizing, cancelling; completed, failed, expired, cancelled."""
    output_file_id: str | None
    """From the start on; its lines so far may be read while the batch runs."""
    error_file_id: str | None
    """Once a line failed."""
    total: int
    """Lines; 0 while they are not counted yet."""
    completed: int
    failed: int
    errors: tuple[Mapping[str, Any], ...]
    """Why the batch as a whole failed."""
    document: Json

    @property
    def metadata(self) -> Mapping[str, str]:
        return dict(self.document.get("metadata") or {})

    @property
    def ended(self) -> bool:
        return self.status in BATCH_ENDED

    @classmethod
    def read(cls, document: Json) -> Self:
        counts = document.get("request_counts") or {}
        return cls(
            id=document["id"],
            status=document["status"],
            output_file_id=document.get("output_file_id"),
            error_file_id=document.get("error_file_id"),
            total=int(counts.get("total") or 0),
            completed=int(counts.get("completed") or 0),
            failed=int(counts.get("failed") or 0),
            errors=tuple((document.get("errors") or {}).get("data") or ()),
            document=document,
        )


class BatchOperations:
    """Each as one generator of effects."""

    def __init__(self, patience: Patience) -> None:
        self._patience = patience

    def send_file(self, file: Path, *, purpose: str) -> Flow[str]:
        """The id of the file on the server; it is read while it is sent."""
        request = Request(
            method="POST",
            path="/v1/files",
            form={"purpose": purpose},
            file=("file", file.name, file),
            read_s=_UPLOAD_S,
        )
        return str((yield from self._patience.send(request)).json()["id"])

    def create(
        self,
        input_file_id: str,
        *,
        endpoint: str,
        completion_window: str,
        metadata: Mapping[str, str] | None,
        idempotency_key: str | None,
    ) -> Flow[Batch]:
        """The accepted batch; one key holds for all tries."""
        body = {
            "input_file_id": input_file_id,
            "endpoint": endpoint,
            "completion_window": completion_window,
            **({"metadata": dict(metadata)} if metadata else {}),
        }
        headers = {"Idempotency-Key": idempotency_key or str(uuid.uuid4())}
        request = Request(method="POST", path="/v1/batches", json=body, headers=headers)
        return Batch.read((yield from self._patience.send(request)).json())

    def batch(self, batch_id: str) -> Flow[Batch]:
        """The batch now."""
        request = Request(method="GET", path=f"/v1/batches/{batch_id}")
        return Batch.read((yield from self._patience.send(request)).json())

    def follow(self, batch_id: str) -> Flow[None]:
        """Emits the batch whenever it moves on, up to its end; where event streams do not pass, it is asked for."""
        stream = EventStream(self._patience, path=f"/api/v1/batches/{batch_id}/events")
        try:
            while not stream.ended:
                for event in (yield from stream.more()):
                    yield Emit(value=Batch.read(event.data))
            return
        except StreamUnusable:
            pause = _FIRST_LOOK_S
        while True:
            batch = yield from self.batch(batch_id)
            yield Emit(value=batch)
            if batch.ended:
                return
            yield Pause(seconds=pause)
            pause = min(pause * 1.3, _LONGEST_LOOK_S)

    def cancel(self, batch_id: str) -> Flow[Batch]:
        """The batch, cancelled or about to be; what has ended stays readable."""
        request = Request(method="POST", path=f"/v1/batches/{batch_id}/cancel")
        return Batch.read((yield from self._patience.send(request)).json())

    def batches(self, *, limit: int | None) -> Flow[None]:
        """Emits batches, newest first, page by page."""
        query: dict[str, str] = {}
        left = limit
        while left is None or left > 0:
            query["limit"] = str(_PAGE if left is None else min(left, _PAGE))
            answer = yield from self._patience.send(Request(method="GET", path="/v1/batches", query=query))
            page = answer.json()
            for document in page["data"]:
                yield Emit(value=Batch.read(document))
            left = None if left is None else left - len(page["data"])
            if not page["has_more"]:
                return
            query["after"] = page["data"][-1]["id"]

    def lines(self, file_id: str, *, skip: int) -> Flow[None]:
        """Emits a file's lines after the first `skip`, without their ends, over as many answers as it takes."""
        taken, broken = skip, 0
        while True:
            query = {"skip": str(taken)} if taken else {}
            request = Request(method="GET", path=f"/v1/files/{file_id}/content", query=query, read_s=60.0)
            yield from self._patience.open(request)
            rest = b""
            try:
                while data := (yield Read()):
                    *whole, rest = (rest + data).split(b"\n")
                    for line in whole:
                        taken, broken = taken + 1, 0
                        yield Emit(value=line)
            except httpx.TransportError as error:
                yield Close()
                broken += 1
                if broken > BROKEN_READS:
                    raise Unreachable(f"{self._patience.url} broke off: {error}") from error
                yield Pause(seconds=pause_after_break(broken))
                continue
            yield Close()
            if rest:
                yield Emit(value=rest)
            return

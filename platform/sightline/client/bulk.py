"""Acts on many jobs at once: chosen and counted first, then run."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self

from sightline.client.patience import Patience
from sightline.client.wire import Emit, Flow, Json, Pause, Request

_PATH = "/api/v1/bulk"
_LOOK_S = 1.0
"""The server takes a step a second."""
_GOES_ON = frozenset({"canary", "running"})

Runs = Callable[[Flow[Any]], Any]
RunsAsync = Callable[[Flow[Any]], Awaitable[Any]]


@dataclass(frozen=True, kw_only=True)
class BulkAct:
    """An act as the server last showed it."""

    id: str
    action: str
    """retry, cancel, expire, quarantine, release or erase."""
    search: str
    state: str
    """frozen (chosen and counted), canary (the first three run), halted (these did not end well), running, done or
    stopped."""
    detail: str
    """Why it halted or stopped."""
    total: int
    done: int
    failed: int
    """Jobs that refused; their items say why."""
    document: Json
    """All of the answer: `summary` counts kinds, tenants, statuses and GPU seconds."""

    @property
    def goes_on(self) -> bool:
        return self.state in _GOES_ON

    @property
    def summary(self) -> Mapping[str, Any]:
        return dict(self.document.get("summary") or {})

    @classmethod
    def read(cls, document: Json) -> Self:
        return cls(
            id=document["id"],
            action=document["action"],
            search=document["search"],
            state=document["state"],
            detail=document["detail"],
            total=int(document["total"]),
            done=int(document["done"]),
            failed=int(document["failed"]),
            document=document,
        )


class BulkOperations:
    """Each as one generator of effects."""

    def __init__(self, patience: Patience) -> None:
        self._patience = patience

    def freeze(self, action: str, search: str, reason: str) -> Flow[BulkAct]:
        body = {"action": action, "search": search, "reason": reason}
        return BulkAct.read((yield from self._send("POST", _PATH, json=body)))

    def read(self, bulk_id: str, verb: str = "") -> Flow[BulkAct]:
        method, path = ("POST", f"/{verb}") if verb else ("GET", "")
        return BulkAct.read((yield from self._send(method, f"{_PATH}/{bulk_id}{path}")))

    def listed(self) -> Flow[list[BulkAct]]:
        return [BulkAct.read(document) for document in (yield from self._send("GET", _PATH))["data"]]

    def follow(self, bulk_id: str) -> Flow[None]:
        """Emits the act, until it does not go on."""
        while True:
            act = yield from self.read(bulk_id)
            yield Emit(value=act)
            if not act.goes_on:
                return
            yield Pause(seconds=_LOOK_S)

    def items(self, bulk_id: str, state: str | None) -> Flow[None]:
        """Emits the act's jobs, page by page."""
        query = {"limit": "200", **({"state": state} if state else {})}
        while True:
            page = yield from self._send("GET", f"{_PATH}/{bulk_id}/items", query=query)
            for item in page["data"]:
                yield Emit(value=item)
            if not page["has_more"]:
                return
            query["cursor"] = page["next_cursor"]

    def _send(self, method: str, path: str, **more: Any) -> Flow[Json]:
        found: Json = (yield from self._patience.send(Request(method=method, path=path, **more))).json()
        return found


class Bulk:
    """Acts of a `Client` on many jobs."""

    def __init__(self, do: BulkOperations, run: Runs, iterate: Callable[[Flow[None]], Iterator[Any]]) -> None:
        self._do, self._run, self._iterate = do, run, iterate

    def freeze(self, action: str, search: str, *, reason: str = "") -> BulkAct:
        """The dry run: choose the jobs that match now and count them. Nothing is done to them yet."""
        found: BulkAct = self._run(self._do.freeze(action, search, reason))
        return found

    def run(self, bulk_id: str) -> BulkAct:
        """Start an act, or let a halted one go on with the rest."""
        found: BulkAct = self._run(self._do.read(bulk_id, "run"))
        return found

    def stop(self, bulk_id: str) -> BulkAct:
        """Do nothing more; what was done stays done."""
        found: BulkAct = self._run(self._do.read(bulk_id, "stop"))
        return found

    def get(self, bulk_id: str) -> BulkAct:
        """The act now."""
        found: BulkAct = self._run(self._do.read(bulk_id))
        return found

    def list(self) -> list[BulkAct]:
        """The latest acts, newest first."""
        found: list[BulkAct] = self._run(self._do.listed())
        return found

    def follow(self, bulk_id: str) -> Iterator[BulkAct]:
        """The act once a second, until it halts or ends."""
        return self._iterate(self._do.follow(bulk_id))

    def items(self, bulk_id: str, *, state: str | None = None) -> Iterator[Mapping[str, Any]]:
        """Its jobs: `job`, `state` (pending, done, failed), `detail`."""
        return self._iterate(self._do.items(bulk_id, state))


class AsyncBulk:
    """Acts of an `AsyncClient` on many jobs; see `Bulk`."""

    def __init__(
        self, do: BulkOperations, run: RunsAsync, iterate: Callable[[Flow[None]], AsyncIterator[Any]]
    ) -> None:
        self._do, self._run, self._iterate = do, run, iterate

    async def freeze(self, action: str, search: str, *, reason: str = "") -> BulkAct:
        """The dry run: choose the jobs that match now and count them."""
        found: BulkAct = await self._run(self._do.freeze(action, search, reason))
        return found

    async def run(self, bulk_id: str) -> BulkAct:
        """Start an act, or let a halted one go on with the rest."""
        found: BulkAct = await self._run(self._do.read(bulk_id, "run"))
        return found

    async def stop(self, bulk_id: str) -> BulkAct:
        """Do nothing more; what was done stays done."""
        found: BulkAct = await self._run(self._do.read(bulk_id, "stop"))
        return found

    async def get(self, bulk_id: str) -> BulkAct:
        """The act now."""
        found: BulkAct = await self._run(self._do.read(bulk_id))
        return found

    async def list(self) -> list[BulkAct]:
        """The latest acts, newest first."""
        found: list[BulkAct] = await self._run(self._do.listed())
        return found

    def follow(self, bulk_id: str) -> AsyncIterator[BulkAct]:
        """The act once a second, until it halts or ends."""
        return self._iterate(self._do.follow(bulk_id))

    def items(self, bulk_id: str, *, state: str | None = None) -> AsyncIterator[Mapping[str, Any]]:
        """Its jobs: `job`, `state`, `detail`."""
        return self._iterate(self._do.items(bulk_id, state))

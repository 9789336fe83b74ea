"""Sessions: histories that jobs go on from."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

from sightline.client.patience import Patience
from sightline.client.wire import Emit, Flow, Json, Request

_PATH = "/api/v1/sessions"
_PAGE = 100

Runs = Callable[[Flow[Any]], Any]
RunsAsync = Callable[[Flow[Any]], Awaitable[Any]]


@dataclass(frozen=True, kw_only=True)
class Session:
    """A session as the server last showed it."""

    id: str
    kind: str
    """chat or gui."""
    version: int
    """Counts every change. Give it with a job (`session={"id": …, "version": …}`) to be told of other changes."""
    steps: int
    done: str | None
    """success or failure, once the agent of a gui session has ended its run."""
    job: str | None
    """The job that goes on from it now; until it ends, no other may."""
    document: Json

    @classmethod
    def read(cls, document: Json) -> Self:
        return cls(
            id=document["id"],
            kind=document["kind"],
            version=int(document["version"]),
            steps=int(document["steps"]),
            done=document.get("done"),
            job=document.get("job"),
            document=document,
        )


@dataclass(frozen=True, kw_only=True)
class Step:
    """What was added to a session at once."""

    number: int
    """The version of the session that it made."""
    job: str | None
    """None: it was added by hand."""
    entries: tuple[Mapping[str, Any], ...]
    """chat: messages. gui: `text`, and `arguments` of the model's action."""

    @classmethod
    def read(cls, document: Json) -> Self:
        return cls(number=int(document["number"]), job=document["job"], entries=tuple(document["entries"]))


class SessionOperations:
    """Each as one generator of effects."""

    def __init__(self, patience: Patience) -> None:
        self._patience = patience

    def create(self, kind: str, fields: Mapping[str, Any]) -> Flow[Session]:
        body = {"kind": kind, **_given(fields)}
        return Session.read((yield from self._send("POST", _PATH, json=body)))

    def read(self, session_id: str) -> Flow[Session]:
        return Session.read((yield from self._send("GET", f"{_PATH}/{session_id}")))

    def change(self, session_id: str, fields: Mapping[str, Any]) -> Flow[Session]:
        return Session.read((yield from self._send("PATCH", f"{_PATH}/{session_id}", json=_given(fields))))

    def add(self, session_id: str, fields: Mapping[str, Any]) -> Flow[Step]:
        path = f"{_PATH}/{session_id}/steps"
        return Step.read((yield from self._send("POST", path, json=_given(fields))))

    def rewind(self, session_id: str, number: int, version: int | None) -> Flow[Session]:
        query = {} if version is None else {"version": str(version)}
        path = f"{_PATH}/{session_id}/steps/{number}"
        return Session.read((yield from self._send("DELETE", path, query=query)))

    def erase(self, session_id: str) -> Flow[None]:
        yield from self._send("DELETE", f"{_PATH}/{session_id}")

    def steps(self, session_id: str) -> Flow[None]:
        """Emits the history, oldest first."""
        yield from self._pages(f"{_PATH}/{session_id}/steps", {}, None, Step.read)

    def listed(self, kind: str | None, limit: int | None) -> Flow[None]:
        """Emits sessions, newest first."""
        yield from self._pages(_PATH, {"kind": kind} if kind else {}, limit, Session.read)

    def _pages(
        self, path: str, query: Mapping[str, str], limit: int | None, read: Callable[[Json], Any]
    ) -> Flow[None]:
        asked, left = dict(query), limit
        while left is None or left > 0:
            asked["limit"] = str(_PAGE if left is None else min(left, _PAGE))
            page = yield from self._send("GET", path, query=asked)
            for document in page["data"]:
                yield Emit(value=read(document))
            left = None if left is None else left - len(page["data"])
            if not page["has_more"]:
                return
            asked["cursor"] = page["next_cursor"]

    def _send(
        self, method: str, path: str, *, json: Any = None, query: Mapping[str, str] | None = None
    ) -> Flow[Json]:
        request = Request(method=method, path=path, json=json, query=query or {})
        found: Json = (yield from self._patience.send(request)).json()
        return found


class Sessions:
    """The sessions of a `Client`."""

    def __init__(
        self, do: SessionOperations, run: Runs, iterate: Callable[[Flow[None]], Iterator[Any]]
    ) -> None:
        self._do, self._run, self._iterate = do, run, iterate

    def create(
        self,
        kind: Literal["chat", "gui"],
        *,
        system: str | None = None,
        messages: Sequence[Mapping[str, Any]] | None = None,
        history: Sequence[str] | None = None,
        metadata: Mapping[str, Any] | None = None,
        retention_s: int | None = None,
    ) -> Session:
        """A new session; `messages` (chat) or `history` (gui) is what it begins with."""
        fields = {
            "system": system, "messages": messages, "history": history, "metadata": metadata,
            "retention_s": retention_s,
        }  # fmt: skip
        found: Session = self._run(self._do.create(kind, fields))
        return found

    def read(self, session_id: str) -> Session:
        """The session now."""
        found: Session = self._run(self._do.read(session_id))
        return found

    def change(self, session_id: str, *, version: int | None = None, **fields: Any) -> Session:
        """Set system, metadata or retention_s. Raises Conflict for a stale version."""
        found: Session = self._run(self._do.change(session_id, {"version": version, **fields}))
        return found

    def add(
        self,
        session_id: str,
        *,
        messages: Sequence[Mapping[str, Any]] | None = None,
        history: Sequence[str] | None = None,
        version: int | None = None,
    ) -> Step:
        """Add messages (chat) or sentences (gui) without a job. Raises Conflict for a stale version."""
        fields = {"messages": messages, "history": history, "version": version}
        found: Step = self._run(self._do.add(session_id, fields))
        return found

    def rewind(self, session_id: str, number: int, *, version: int | None = None) -> Session:
        """Take back step `number` and all that came after it."""
        found: Session = self._run(self._do.rewind(session_id, number, version))
        return found

    def erase(self, session_id: str) -> None:
        """Erase the history, and input and output of its jobs."""
        self._run(self._do.erase(session_id))

    def steps(self, session_id: str) -> Iterator[Step]:
        """The history, oldest first."""
        return self._iterate(self._do.steps(session_id))

    def list(self, *, kind: str | None = None, limit: int | None = None) -> Iterator[Session]:
        """Sessions, newest first."""
        return self._iterate(self._do.listed(kind, limit))


class AsyncSessions:
    """The sessions of an `AsyncClient`; see `Sessions`."""

    def __init__(
        self, do: SessionOperations, run: RunsAsync, iterate: Callable[[Flow[None]], AsyncIterator[Any]]
    ) -> None:
        self._do, self._run, self._iterate = do, run, iterate

    async def create(self, kind: Literal["chat", "gui"], **fields: Any) -> Session:
        """A new session; `fields`: system, messages, history, metadata, retention_s."""
        found: Session = await self._run(self._do.create(kind, fields))
        return found

    async def read(self, session_id: str) -> Session:
        """The session now."""
        found: Session = await self._run(self._do.read(session_id))
        return found

    async def change(self, session_id: str, *, version: int | None = None, **fields: Any) -> Session:
        """Set system, metadata or retention_s. Raises Conflict for a stale version."""
        found: Session = await self._run(self._do.change(session_id, {"version": version, **fields}))
        return found

    async def add(self, session_id: str, *, version: int | None = None, **fields: Any) -> Step:
        """Add `messages` (chat) or `history` (gui) without a job. Raises Conflict for a stale version."""
        found: Step = await self._run(self._do.add(session_id, {"version": version, **fields}))
        return found

    async def rewind(self, session_id: str, number: int, *, version: int | None = None) -> Session:
        """Take back step `number` and all that came after it."""
        found: Session = await self._run(self._do.rewind(session_id, number, version))
        return found

    async def erase(self, session_id: str) -> None:
        """Erase the history, and input and output of its jobs."""
        await self._run(self._do.erase(session_id))

    def steps(self, session_id: str) -> AsyncIterator[Step]:
        """The history, oldest first."""
        return self._iterate(self._do.steps(session_id))

    def list(self, *, kind: str | None = None, limit: int | None = None) -> AsyncIterator[Session]:
        """Sessions, newest first."""
        return self._iterate(self._do.listed(kind, limit))


def _given(fields: Mapping[str, Any]) -> Json:
    return {name: value for name, value in fields.items() if value is not None}

"""Queues and GPU groups: what an operator sees and changes. The key needs the scope admin."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from sightline.client.patience import Patience
from sightline.client.wire import Flow, Json, Request

Runs = Callable[[Flow[Any]], Any]
RunsAsync = Callable[[Flow[Any]], Awaitable[Any]]


class FleetOperations:
    """Each as one generator of effects."""

    def __init__(self, patience: Patience) -> None:
        self._patience = patience

    def queue(self, kind: str, model: str | None, change: Json | None) -> Flow[Json]:
        query = {"model": model} if model else {}
        return (yield from self._send(f"/api/v1/queues/{kind}", query, change))

    def groups(self) -> Flow[list[Json]]:
        found: list[Json] = (yield from self._send("/api/v1/groups", {}, None))["data"]
        return found

    def group(self, group_id: str, change: Json | None) -> Flow[Json]:
        return (yield from self._send(f"/api/v1/groups/{group_id}", {}, change))

    def _send(self, path: str, query: Mapping[str, str], change: Json | None) -> Flow[Json]:
        method = "GET" if change is None else "PATCH"
        request = Request(method=method, path=path, query=query, json=change)
        found: Json = (yield from self._patience.send(request)).json()
        return found


class Fleet:
    """What serves the jobs of a `Client`; every answer is the API's own document."""

    def __init__(self, do: FleetOperations, run: Runs) -> None:
        self._do, self._run = do, run

    def queue(
        self,
        kind: str,
        *,
        model: str | None = None,
        paused: bool | None = None,
        reason: str | None = None,
    ) -> Json:
        """A queue: depth, oldest age, in flight, seats, rate; paused or resumed first where that is said.

        Paused, what runs ends and nothing new starts: it is drained once nothing is in flight.
        """
        found: Json = self._run(self._do.queue(kind, model, _change({"paused": paused}, reason)))
        return found

    def groups(self) -> list[Json]:
        """The GPU groups."""
        found: list[Json] = self._run(self._do.groups())
        return found

    def group(
        self,
        group_id: str,
        *,
        drained: bool | None = None,
        seats: Mapping[str, int | None] | None = None,
        reason: str | None = None,
    ) -> Json:
        """A group; drained, resumed or given other seats first where that is said (None: as it was started with)."""
        found: Json = self._run(
            self._do.group(group_id, _change({"drained": drained, "seats": seats or None}, reason))
        )
        return found


class AsyncFleet:
    """What serves the jobs of an `AsyncClient`; see `Fleet`."""

    def __init__(self, do: FleetOperations, run: RunsAsync) -> None:
        self._do, self._run = do, run

    async def queue(
        self,
        kind: str,
        *,
        model: str | None = None,
        paused: bool | None = None,
        reason: str | None = None,
    ) -> Json:
        """A queue; paused or resumed first where that is said."""
        found: Json = await self._run(self._do.queue(kind, model, _change({"paused": paused}, reason)))
        return found

    async def groups(self) -> list[Json]:
        """The GPU groups."""
        found: list[Json] = await self._run(self._do.groups())
        return found

    async def group(
        self,
        group_id: str,
        *,
        drained: bool | None = None,
        seats: Mapping[str, int | None] | None = None,
        reason: str | None = None,
    ) -> Json:
        """A group; drained, resumed or given other seats first where that is said."""
        found: Json = await self._run(
            self._do.group(group_id, _change({"drained": drained, "seats": seats or None}, reason))
        )
        return found


def _change(wanted: Mapping[str, Any], reason: str | None) -> Json | None:
    """What is said of it; None when nothing is, and it is only looked at."""
    change: Json = {name: value for name, value in wanted.items() if value is not None}
    if change and reason is not None:
        change["reason"] = reason
    return change or None

"""Boards: one look for everybody who watches."""

import asyncio
import json
from collections.abc import Collection, Mapping
from typing import Any

import pytest

from sightline.events.boards import Parts, Watch
from sightline.web import boards
from sightline.web.boards import Boards


class Client:
    """A browser at the other end of a stream."""

    def __init__(self) -> None:
        self.gone = asyncio.Event()
        self.sent: list[bytes] = []
        self.arrived = asyncio.Condition()
        self.ended = False

    async def receive(self) -> dict[str, Any]:
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: dict[str, Any]) -> None:
        async with self.arrived:
            self.sent.append(message.get("body", b""))
            self.ended = message["type"] == "http.response.body" and not message.get("more_body")
            self.arrived.notify_all()

    def parts(self) -> list[dict[str, str]]:
        events = b"".join(self.sent).decode().split("\n\n")
        return [json.loads(one.partition("data: ")[2]) for one in events if one.startswith("event: parts")]

    async def until(self, text: bytes) -> None:
        async with self.arrived:
            await asyncio.wait_for(self.arrived.wait_for(lambda: text in b"".join(self.sent)), 30)


class Database:
    """Counts the looks."""

    def __init__(self) -> None:
        self.looks: list[set[str]] = []
        self.away = False
        self.quiet = "still"

    async def look(self, name: str, variants: Collection[str]) -> Mapping[str, Parts]:
        self.looks.append(set(variants))
        if self.away:
            raise OSError("away")
        number = len(self.looks)
        return {one: {"quiet": self.quiet, "moving": f"{one} {number}"} for one in variants}


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boards, "EVERY_S", 0.01)


async def watched(shared: Boards, *variants: str) -> list[tuple[Client, "asyncio.Task[None]"]]:
    found = []
    for variant in variants:
        client = Client()
        watch = Watch(board="home", variant=variant)
        found.append((client, asyncio.create_task(shared.serve(watch, client.receive, client.send))))
    return found


def test_a_hundred_watchers_cost_one_look() -> None:
    async def story() -> None:
        database = Database()
        shared = Boards(look=database.look)
        watchers = await watched(shared, *["operator"] * 60, *["viewer"] * 40)
        for client, _ in watchers:
            await client.until(b" 5")
        assert len(shared) == 100
        assert len(database.looks) < 50  # each of the hundred has seen at least five
        assert {"operator", "viewer"} in database.looks
        for client, task in watchers:
            client.gone.set()
            await task
        assert len(shared) == 0
        looks = len(database.looks)
        await asyncio.sleep(0.1)
        assert len(database.looks) == looks, "nobody watches, nobody looks"

    asyncio.run(story())


def test_only_what_changed_is_sent() -> None:
    async def story() -> None:
        database = Database()
        [(client, task)] = await watched(Boards(look=database.look), "viewer")
        await client.until(b"viewer 4")
        database.quiet = "moved"
        await client.until(b"moved")
        client.gone.set()
        await task
        first, *others = client.parts()
        assert set(first) == {"quiet", "moving"}
        assert [one["quiet"] for one in others if "quiet" in one] == ["moved"]

    asyncio.run(story())


def test_a_database_that_is_away_is_told_once_and_the_stream_goes_on() -> None:
    async def story() -> None:
        database = Database()
        [(client, task)] = await watched(Boards(look=database.look), "viewer")
        await client.until(b"viewer 1")
        database.away = True
        await client.until(b"event: away")
        looks = len(database.looks)
        while len(database.looks) < looks + 5:
            await asyncio.sleep(0)
        database.away = False
        database.quiet = "back"
        await client.until(b"back")
        client.gone.set()
        await task
        assert b"".join(client.sent).count(b"event: away") == 1

    asyncio.run(story())


def test_a_stream_ends_with_its_time_so_that_the_browser_is_asked_again_who_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(boards, "LIFE_S", 0.05)

    async def story() -> None:
        [(client, task)] = await watched(Boards(look=Database().look), "viewer")
        await asyncio.wait_for(task, 30)
        assert client.ended

    asyncio.run(story())


def test_a_server_that_stops_lets_everybody_go() -> None:
    async def story() -> None:
        shared = Boards(look=Database().look)
        watchers = await watched(shared, "viewer", "operator")
        for client, _ in watchers:
            await client.until(b" 1")
        shared.let_go()
        await asyncio.wait_for(asyncio.gather(*(task for _, task in watchers)), 30)
        assert all(client.ended for client, _ in watchers)

    asyncio.run(story())

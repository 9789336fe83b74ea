"""A job's events from its transitions and the pieces of text between them, without Redis or a database."""

import asyncio
from typing import Any
from uuid import UUID

from sightline.events.live import Piece
from sightline.events.stream import SPAN, Event, History, JobStream, Transition
from sightline.events.tool_calls import CallPiece

JOB = UUID(int=1)


class Scripted:
    """A history and live text as a test tells them; both a `Look` and `Pieces`."""

    def __init__(self) -> None:
        self.transitions: list[Transition] = []
        self.pieces: dict[int, list[Piece]] = {}

    def happens(self, type: str, **more: object) -> None:
        ordinal = len(self.transitions) + 1
        self.transitions.append(Transition(ordinal=ordinal, type=type, data={}, **more))  # type: ignore[arg-type]

    def says(self, fence: int, *pieces: Piece) -> None:
        self.pieces.setdefault(fence, []).extend(pieces)

    async def history(self, job_id: UUID, since: int) -> History:
        return History(transitions=tuple(t for t in self.transitions if t.ordinal >= since))

    async def want(self, job_id: UUID) -> None:
        return None

    async def after(self, job_id: UUID, fence: int, number: int) -> list[Piece]:
        return [piece for piece in self.pieces.get(fence, []) if piece.number > number]

    rest = after

    def read(self, after: int = 0) -> list[Event]:
        """What a new reader gets."""
        stream = JobStream(job_id=JOB, after=after, look=self.history, pieces=self)
        return asyncio.run(stream.catch_up(look=True))


def piece(number: int, text: str, *so_far: str) -> Piece:
    return Piece(number=number, text=text, so_far=so_far or None)


def whole() -> Scripted:
    """A job that failed once and then succeeded with "one two"."""
    told = Scripted()
    told.happens("job.queued")
    told.happens("job.started", fence=1)
    told.says(1, piece(1, "on", "on"))
    told.happens("job.attempt_failed", resets=True)
    told.happens("job.started", fence=2)
    told.says(2, piece(1, "one ", "one "), piece(2, "two"), Piece(number=3, end=True))
    told.happens("job.succeeded", terminal=True, output={"text": "one two"})
    return told


def test_resumed_after_any_event_nothing_is_lost_and_nothing_repeated() -> None:
    told = whole()
    events = told.read()
    assert [event.type for event in events][-3:] == ["output.delta", "output.delta", "job.succeeded"]
    for index, event in enumerate(events):
        assert told.read(event.number) == events[index + 1 :]


def test_the_text_of_an_attempt_that_failed_is_left_out_for_who_comes_later() -> None:
    types = [event.type for event in whole().read()]
    assert types[:4] == ["job.queued", "job.started", "job.attempt_failed", "output.reset"]


def test_a_gap_is_healed_by_the_next_whole_text() -> None:
    told = Scripted()
    told.happens("job.started", fence=1)
    told.says(1, piece(7, "three", "one two three"), piece(8, " four"))
    reset, delta = told.read(SPAN + 4)
    assert (reset.type, reset.data["texts"], reset.number) == ("output.reset", ["one two three"], SPAN + 7)
    assert (delta.type, delta.data["text"], delta.number) == ("output.delta", " four", SPAN + 8)
    assert [event.type for event in told.read(SPAN + 6)] == ["output.delta", "output.delta"]


def test_without_live_text_the_result_stands_in_once() -> None:
    told = whole()
    told.pieces.clear()
    reset, end = told.read(4 * SPAN + 1)
    assert (reset.type, reset.data["output"]) == ("output.reset", {"text": "one two"})
    assert told.read(reset.number) == [end]
    assert [event.type for event in told.read(4 * SPAN)] == ["job.succeeded"]


def test_a_job_that_is_no_more_ends_the_stream() -> None:
    async def erased(job_id: UUID, since: int) -> History:
        return History(transitions=(), exists=False)

    stream = JobStream(job_id=JOB, after=0, look=erased, pieces=Scripted())
    assert asyncio.run(stream.catch_up(look=True)) == []
    assert stream.ended


def item(number: int, index: int) -> Piece:
    return Piece(number=number, event="output.item", data={"type": "page", "index": index, "item": {}})


def test_items_and_progress_come_between_the_text_and_resume_like_it() -> None:
    told = Scripted()
    told.happens("job.started", fence=1)
    progress = Piece(number=3, event="job.progress", data={"done": 1, "total": 2})
    told.says(1, piece(1, "one", "one"), item(2, 0), progress, piece(4, "two"), item(5, 1))
    told.says(1, Piece(number=6, end=True))
    told.happens("job.succeeded", terminal=True, output={"pages": []})
    events = told.read()
    types = [event.type for event in events[1:-1]]
    assert types == ["output.delta", "output.item", "job.progress", "output.delta", "output.item"]
    for index, event in enumerate(events):
        assert told.read(event.number) == events[index + 1 :]


def test_a_gap_is_healed_with_all_items_so_far() -> None:
    told = Scripted()
    told.happens("job.started", fence=1)
    whole = item(7, 1)
    told.says(
        1,
        Piece(
            number=7, event=whole.event, data=whole.data, so_far=("one", "two"), items=({"a": 1}, {"b": 2})
        ),
    )
    (reset,) = told.read(SPAN + 4)
    assert (reset.type, reset.data["texts"], reset.data["items"]) == (
        "output.reset", ["one", "two"], [{"a": 1}, {"b": 2}],
    )  # fmt: skip


def calling(number: int, index: int, arguments: str, **more: Any) -> Piece:
    name = "" if arguments else f"f{index}"
    return Piece(
        number=number,
        tool_call=CallPiece(index=index, id=name and f"call_{index}", name=name, arguments=arguments),
        **more,
    )


def test_tool_calls_come_piece_by_piece_and_resume_like_text() -> None:
    told = Scripted()
    told.happens("job.started", fence=1)
    told.says(1, piece(1, "Well.", "Well."), calling(2, 0, ""), calling(3, 0, "{}"), calling(4, 1, ""))
    told.says(1, calling(5, 1, "{}"), Piece(number=6, end=True))
    told.happens("job.succeeded", terminal=True, output={"tool_calls": []})
    events = told.read()
    assert [event.data.get("tool_calls") for event in events[1:-1]] == [
        None,
        [{"index": 0, "id": "call_0", "type": "function", "function": {"name": "f0", "arguments": ""}}],
        [{"index": 0, "function": {"arguments": "{}"}}],
        [{"index": 1, "id": "call_1", "type": "function", "function": {"name": "f1", "arguments": ""}}],
        [{"index": 1, "function": {"arguments": "{}"}}],
    ]
    for index, event in enumerate(events):
        assert told.read(event.number) == events[index + 1 :]


def test_a_gap_is_healed_with_all_tool_calls_so_far() -> None:
    told = Scripted()
    told.happens("job.started", fence=1)
    call = {"id": "call_0", "type": "function", "function": {"name": "f0", "arguments": "{}"}}
    told.says(1, calling(7, 0, "}", so_far=("Well.",), tool_calls=(call,)))
    (reset,) = told.read(SPAN + 4)
    assert (reset.type, reset.data["texts"], reset.data["tool_calls"]) == ("output.reset", ["Well."], [call])


def test_a_last_piece_that_comes_late_costs_no_reset() -> None:
    class Late(Scripted):
        """The end of the text is seen only by who waits for it."""

        async def after(self, job_id: UUID, fence: int, number: int) -> list[Piece]:
            return [piece for piece in await super().after(job_id, fence, number) if not piece.end]

        async def rest(self, job_id: UUID, fence: int, number: int) -> list[Piece]:
            return await super().after(job_id, fence, number)

    told = Late()
    told.happens("job.started", fence=1)
    told.says(1, piece(1, "one", "one"), piece(2, "two"), Piece(number=3, end=True))
    told.happens("job.succeeded", terminal=True, output={"text": "onetwo"})
    for after in (0, SPAN + 1, SPAN + 2):
        assert "output.reset" not in [event.type for event in told.read(after)]


LEADER = UUID(int=2)


def following() -> Scripted:
    """A job that heard two attempts of the one that it follows, the second of which it took over."""
    told = Scripted()
    told.happens("job.queued")
    told.happens("", speaker=LEADER)
    told.happens("", speaker=LEADER, fence=1)
    told.says(1, piece(1, "wro", "wro"))
    told.happens("", speaker=LEADER, fence=2, resets=True)
    told.says(2, piece(1, "one ", "one "), piece(2, "two "), piece(3, "three"), Piece(number=4, end=True))
    return told


def test_a_follower_hears_its_leader_and_resumes_anywhere() -> None:
    told = following()
    told.happens("job.succeeded", terminal=True, output={"text": "one two three"})
    events = told.read()
    types = [event.type for event in events]
    assert types == ["job.queued", "output.reset", *["output.delta"] * 3, "job.succeeded"]
    for index, event in enumerate(events):
        assert told.read(event.number) == events[index + 1 :]


def test_a_follower_that_takes_the_attempt_over_hears_on_where_it_was() -> None:
    told = following()
    read = JobStream(job_id=JOB, after=0, look=told.history, pieces=told)
    told.pieces[2] = told.pieces[2][:2]  # so far
    before = asyncio.run(read.catch_up(look=True))
    told.happens("job.started", speaker=LEADER, fence=2)
    told.says(2, piece(3, "three"), Piece(number=4, end=True))
    told.happens("job.succeeded", terminal=True, output={"text": "one two three"})
    events = before + asyncio.run(read.catch_up(look=True))
    texts = [event.data["text"] for event in events if event.type == "output.delta"]
    assert texts == ["one ", "two ", "three"]
    numbers = [event.number for event in events]
    assert numbers == sorted(set(numbers))
    for index, event in enumerate(events):
        resumed, missed = told.read(event.number), events[index + 1 :]
        assert sorted(one.type for one in resumed) == sorted(one.type for one in missed)
        assert [one.data.get("text") for one in resumed if one.type == "output.delta"] == [
            one.data["text"] for one in missed if one.type == "output.delta"
        ]

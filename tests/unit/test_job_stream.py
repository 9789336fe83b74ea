"""A job's events from its transitions and the pieces of text between them, without Redis or a database."""

import asyncio
from uuid import UUID

from sightline.events.live import Piece
from sightline.events.stream import SPAN, Event, History, JobStream, Transition

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

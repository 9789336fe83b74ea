"""A batch's events from looks at its row, without a database."""

import asyncio
from uuid import UUID

import pytest

from sightline.batches import progress
from sightline.batches.models import ACTIVE, BatchStatus
from sightline.events.batch_stream import BatchStream, Snapshot
from sightline.events.stream import Event

BATCH = UUID(int=1)


class Row:
    """A batch as a test tells it; its own `Look`."""

    def __init__(self) -> None:
        self.snapshot: Snapshot | None = None

    def is_at(self, number: int, *, ended: bool = False) -> None:
        self.snapshot = Snapshot(event=Event(number=number, type="batch.progress", data={}), ended=ended)

    async def look(self, batch_id: UUID) -> Snapshot | None:
        return self.snapshot


def numbers(stream: BatchStream) -> list[int]:
    return [event.number for event in asyncio.run(stream.catch_up(look=True))]


def test_a_batch_is_told_when_it_has_moved_on_and_only_then() -> None:
    row = Row()
    row.is_at(5)
    stream = BatchStream(batch_id=BATCH, after=0, look=row.look)
    assert [numbers(stream), numbers(stream)] == [[5], []]
    row.is_at(9, ended=True)
    assert (numbers(stream), stream.ended) == ([9], True)


def test_who_comes_back_is_told_what_is_newer() -> None:
    row = Row()
    row.is_at(5)
    assert numbers(BatchStream(batch_id=BATCH, after=5, look=row.look)) == []
    assert numbers(BatchStream(batch_id=BATCH, after=4, look=row.look)) == [5]


def test_a_database_that_is_away_is_no_news_and_a_batch_that_is_gone_is_the_end() -> None:
    row = Row()
    stream = BatchStream(batch_id=BATCH, after=0, look=row.look)
    assert (numbers(stream), stream.ended) == ([], False)
    row.snapshot = Snapshot(event=None, ended=True)
    assert (numbers(stream), stream.ended) == ([], True)


@pytest.mark.parametrize(
    "stages",
    [
        ("validating", "in_progress", "finalizing", "completed"),
        ("validating", "in_progress", "finalizing", "expired"),
        ("validating", "in_progress", "cancelling", "cancelled"),
        ("validating", "failed"),
    ],
)
def test_the_number_grows_with_every_line_and_stage(stages: tuple[str, ...]) -> None:
    counts = [(0, 0), (1, 0), (1, 1), (49_999, 1)]
    steps = {"validating": counts[:1], "in_progress": counts[:3], "cancelling": counts[2:]}
    steps["failed"] = counts[:1]
    told = [
        progress.number(status=stage, completed=completed, failed=failed)
        for stage in stages
        for completed, failed in steps.get(stage, counts[3:])
    ]
    assert told == sorted(set(told))


def test_every_status_has_its_place() -> None:
    for status in BatchStatus.values:
        ended = progress.number(status=status, completed=0, failed=0) >= 4 * progress.STAGE
        assert ended == (status not in ACTIVE)

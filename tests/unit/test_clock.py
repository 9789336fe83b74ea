"""The database's clock, as the two databases spell it."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone

import pytest
from django.db import connection

from sightline import clock
from sightline.clock import After


def test_a_text_of_sqlite_is_utc() -> None:
    assert clock.parse("2026-01-02 03:04:05.678") == datetime(2026, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC)
    assert clock.parse(datetime(2026, 1, 2)) == datetime(2026, 1, 2, tzinfo=UTC)


def test_an_aware_time_stays_as_it_is() -> None:
    there = datetime(2026, 1, 2, tzinfo=timezone(timedelta(hours=5)))
    assert clock.parse(there) is there


@pytest.mark.parametrize(
    ("seconds", "modifier"), [(0, "+0.000 seconds"), (30, "+30.000 seconds"), (-0.25, "-0.250 seconds")]
)
def test_sqlite_gets_a_modifier_with_milliseconds(seconds: float, modifier: str) -> None:
    sql, params = After(seconds).as_sqlite(None, connection)
    assert sql == "strftime('%%Y-%%m-%%d %%H:%%M:%%f000', 'now', %s)"
    assert params == [modifier]


def test_sqlite_writes_a_time_with_as_many_digits_as_django() -> None:
    sql, params = After().as_sqlite(None, connection)
    with closing(sqlite3.connect(":memory:")) as sqlite:
        (text,) = sqlite.execute("SELECT " + sql.replace("%%", "%").replace("%s", "?"), params).fetchone()
    moment = clock.parse(text).replace(tzinfo=None)
    # What Python wrote is due in the millisecond that it read: the texts are compared, not the times.
    assert text == moment.isoformat(sep=" ", timespec="microseconds")


def test_postgresql_gets_a_stable_clock_that_an_index_can_be_searched_with() -> None:
    sql, params = After(30).as_sql(None, connection)
    assert sql == "(statement_timestamp() + %s * interval '1 second')"
    assert params == [30.0]

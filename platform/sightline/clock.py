"""The database's clock, the only one that leases, deadlines and backoffs are measured with.

Hosts disagree about the time; all of them ask one database.
"""

from datetime import UTC, datetime
from typing import Any

from django.db import connection
from django.db.models import DateTimeField, Func

# Six digits, as Django writes times: SQLite compares texts, and ".123000" counts as later than ".123".
_FORMAT = "%Y-%m-%d %H:%M:%f000"
_SQLITE = f"strftime('{_FORMAT.replace('%', '%%')}', 'now', %s)"


class After(Func):
    """The database's time now plus a number of seconds (negative: before now)."""

    output_field = DateTimeField()
    arity = 0

    def __init__(self, seconds: float = 0.0, **extra: Any) -> None:
        super().__init__(**extra)
        self.seconds = float(seconds)

    def as_sqlite(self, compiler: Any, connection: Any, **extra_context: Any) -> Any:
        return _SQLITE, [f"{self.seconds:+.3f} seconds"]

    def as_sql(
        self,
        compiler: Any,
        connection: Any,
        function: str | None = None,
        template: str | None = None,
        arg_joiner: str | None = None,
        **extra_context: Any,
    ) -> Any:
        # Not clock_timestamp(), which is volatile: no index could be searched with it.
        return "(statement_timestamp() + %s * interval '1 second')", [self.seconds]


def after_sql() -> str:
    """The same for raw statements; its one parameter comes from `after_param`."""
    if connection.vendor == "sqlite":
        return _SQLITE
    return "(statement_timestamp() + %s * interval '1 second')"


def after_param(seconds: float = 0.0) -> str | float:
    return f"{seconds:+.3f} seconds" if connection.vendor == "sqlite" else float(seconds)


def before_sql(seconds: str) -> str:
    """The time so many seconds ago, for raw statements; `seconds` is a column or another expression."""
    if connection.vendor == "sqlite":
        return f"strftime('{_FORMAT}', 'now', '-' || {seconds} || ' seconds')"
    return f"(statement_timestamp() - {seconds} * interval '1 second')"


def parse(value: Any) -> datetime:
    """What a raw statement returns for a time column: a text on SQLite, an aware datetime on PostgreSQL."""
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def now() -> datetime:
    """The database's time."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {after_sql()}", [after_param()])
        return parse(cursor.fetchone()[0])

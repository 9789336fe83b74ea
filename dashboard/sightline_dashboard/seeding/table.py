"""Rows of one table, written without a look at each: values are as the database takes them, JSON as text."""

import uuid
from datetime import UTC, datetime
from typing import Any

from django.db import connection, models


class Table:
    """Rows gather, then one statement writes them."""

    def __init__(self, model: type[models.Model]) -> None:
        fields = [
            field
            for field in model._meta.concrete_fields
            if not (field.primary_key and isinstance(field, models.AutoField))
        ]
        self.name = model._meta.db_table
        self.columns = ", ".join(connection.ops.quote_name(str(field.column)) for field in fields)
        self._wanted = [(field.attname, _default(field)) for field in fields]
        self.rows: list[list[Any]] = []

    def add(self, values: dict[str, Any]) -> None:
        """One row, by the fields' names; those that are missing take their default, names that are none are let go."""
        self.rows.append([values.get(name, default) for name, default in self._wanted])

    def write(self) -> None:
        """COPY on PostgreSQL, one prepared INSERT on SQLite. The table is empty afterwards."""
        if not self.rows:
            return
        with connection.cursor() as cursor:
            if connection.vendor == "postgresql":
                with cursor.copy(f"COPY {self.name} ({self.columns}) FROM STDIN") as copy:
                    for row in self.rows:
                        copy.write_row(row)
            else:
                marks = ", ".join(["%s"] * len(self._wanted))
                cursor.executemany(
                    f"INSERT INTO {self.name} ({self.columns}) VALUES ({marks})",  # noqa: S608 - names of columns
                    [[_plain(value) for value in row] for row in self.rows],
                )
        self.rows.clear()


def _default(field: Any) -> Any:
    if isinstance(field, models.JSONField):
        return None if field.null else {list: "[]", dict: "{}"}.get(field.default)
    return field.get_default()


def _plain(value: Any) -> Any:
    """As Django stores it on SQLite."""
    if isinstance(value, uuid.UUID):
        return value.hex
    if isinstance(value, datetime):
        return str(value.astimezone(UTC).replace(tzinfo=None))
    return value

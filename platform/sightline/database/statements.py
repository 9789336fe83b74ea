"""Single-row statements for the path that every job takes, without building them anew each time.

Django's ORM builds a query out of some 1,500 Python calls before the database sees it, which is most of the CPU
that a job costs. Here the text is made once for each shape; values still go through their model fields, so that
types are what the ORM writes and reads on every database. Everything off that path uses the ORM.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar

from django.db import DEFAULT_DB_ALIAS, connection, connections, models

from sightline import clock

M = TypeVar("M", bound=models.Model)


@dataclass(frozen=True, kw_only=True)
class Sql:
    """A value that the database computes. `text` must be the same for all values of one meaning: it is kept."""

    text: str
    params: tuple[Any, ...]


def insert(
    row: models.Model,
    *,
    only_if: tuple[str, Sequence[Any]] | None = None,
    unless_taken: str = "",
    moments: tuple[str, ...] = (),
) -> bool:
    """Insert a new row; defaults are the model's. An automatic primary key is not read back.

    False when it was not inserted: the condition `only_if` (SQL and its parameters) does not hold, or the value of
    the column `unless_taken`, unique where it is not null, is taken. `moments` are time columns to be read back.
    """
    texts, params = _bound([(field, field.pre_save(row, True)) for field in _inserted(row._meta.model)])
    condition, more = only_if or ("", ())
    with connection.cursor() as cursor:
        text = _insert(row._meta.model, tuple(texts), condition, unless_taken, moments)
        cursor.execute(text, [*params, *more])
        if moments:
            found = cursor.fetchone()
            if found is None:
                return False
            for name, value in zip(moments, found, strict=True):
                setattr(row, name, clock.parse(value) if value is not None else None)
        elif not cursor.rowcount:
            return False
    row._state.adding, row._state.db = False, connection.alias
    return True


def insert_many(rows: Sequence[models.Model]) -> None:
    """Insert new rows of one model in one call of the driver. Automatic primary keys are not read back.

    Values of the database's clock have no place here: one text serves all rows.
    """
    if not rows:
        return
    model, database = rows[0]._meta.model, _database()
    columns = [
        _prepared(field, [field.pre_save(row, True) for row in rows], database) for field in _inserted(model)
    ]
    with connection.cursor() as cursor:
        cursor.executemany(_insert(model, ("%s",) * len(columns)), list(zip(*columns, strict=True)))


def _database() -> Any:
    """This thread's connection itself: through Django's proxy, each use by a field costs more than what it does."""
    return connections[DEFAULT_DB_ALIAS]


def _prepared(field: Any, values: list[Any], database: Any) -> list[Any]:
    """A column's values as the driver takes them. Most are the same in all rows, and are prepared once."""
    known: dict[Any, Any] = {}
    found = []
    for value in values:
        if isinstance(value, dict | list):
            found.append(field.get_db_prep_save(value, database))
            continue
        if value not in known:
            known[value] = field.get_db_prep_save(value, database)
        found.append(known[value])
    return found


def update(model: type[models.Model], *, where: Mapping[str, Any], **changes: Any) -> int:
    """Change the rows whose columns have these values (None finds nothing); how many there were."""
    get = model._meta.get_field
    texts, params = _bound([(get(name), value) for name, value in changes.items()])
    found, keys = _bound([(get(name), value) for name, value in where.items()])
    with connection.cursor() as cursor:
        cursor.execute(
            _update(model, tuple(changes), tuple(texts), tuple(where), tuple(found)), [*params, *keys]
        )
        return int(cursor.rowcount)


def change(
    model: type[models.Model], *, where: Mapping[str, Any], returning: tuple[str, ...], **changes: Any
) -> tuple[Any, ...] | None:
    """`update` for one row: the values, as the database holds them, of some of its columns; None: there was none."""
    get = model._meta.get_field
    texts, params = _bound([(get(name), value) for name, value in changes.items()])
    found, keys = _bound([(get(name), value) for name, value in where.items()])
    text = _update(model, tuple(changes), tuple(texts), tuple(where), tuple(found), returning)
    with connection.cursor() as cursor:
        cursor.execute(text, [*params, *keys])
        row: tuple[Any, ...] | None = cursor.fetchone()
    return row


def first(model: type[M], *, related: str | None = None, now: bool = False, **where: Any) -> M | None:
    """A row whose columns have these values, or None.

    With the object behind the foreign key `related`, and the database's time as the attribute `now`.
    """
    get = model._meta.get_field
    found, params = _bound([(get(name), value) for name, value in where.items()])
    with connection.cursor() as cursor:
        clock_params = [clock.after_param()] if now else []
        cursor.execute(_select(model, related, now, tuple(where), tuple(found)), [*clock_params, *params])
        row = cursor.fetchone()
    if row is None:
        return None
    instance = _instance(model, row)
    at = len(_names(model))
    if related is not None:
        key, behind = _key(model, related)
        setattr(instance, related, _instance(behind, row[at:]) if getattr(instance, key.attname) else None)
        at += len(_names(behind))
    if now:
        instance.now = clock.parse(row[at])  # type: ignore[attr-defined]
    return instance


def rows(model: type[M], *, order: str, unset: tuple[str, ...] = (), **where: Any) -> list[M]:
    """The rows whose columns have these values, in the order of one column; those of `unset` are NULL."""
    get = model._meta.get_field
    found, params = _bound([(get(name), value) for name, value in where.items()])
    with connection.cursor() as cursor:
        cursor.execute(_select(model, None, False, tuple(where), tuple(found), order, unset), params)
        return [_instance(model, row) for row in cursor.fetchall()]


def _instance(model: type[M], row: Any) -> M:
    names, database = _names(model), _database()
    values = list(row[: len(names)])
    for position, converters, column in _converters(model, database.vendor):
        for convert in converters:
            values[position] = convert(values[position], column, database)
    return model.from_db(database.alias, names, values)


def _bound(values: list[tuple[Any, Any]]) -> tuple[list[str], list[Any]]:
    """A placeholder and a parameter for each value; the database's clock has an expression of its own."""
    texts: list[str] = []
    params: list[Any] = []
    database = _database()
    for field, value in values:
        if value is None:
            texts.append("%s")
            params.append(None)
        elif isinstance(value, Sql):
            texts.append(value.text)
            params.extend(value.params)
        elif isinstance(value, clock.After):
            texts.append(clock.after_sql())
            params.append(clock.after_param(value.seconds))
        else:
            texts.append("%s")
            params.append(field.get_db_prep_save(value, database))
    return texts, params


@cache
def _inserted(model: type[models.Model]) -> list[Any]:
    """The fields that an insertion gives values for."""
    return [field for field in model._meta.concrete_fields if not isinstance(field, models.AutoField)]


@cache
def _insert(
    model: type[models.Model],
    texts: tuple[str, ...],
    only_if: str = "",
    unless_taken: str = "",
    returning: tuple[str, ...] = (),
) -> str:
    columns = ", ".join(f'"{field.column}"' for field in _inserted(model))
    values = ", ".join(texts)
    values = f"SELECT {values} WHERE {only_if}" if only_if else f"VALUES ({values})"
    if unless_taken:
        column = f'"{_column(model, unless_taken)}"'
        values += f" ON CONFLICT ({column}) WHERE {column} IS NOT NULL DO NOTHING"
    if returning:
        values += " RETURNING " + ", ".join(f'"{_column(model, name)}"' for name in returning)
    return f'INSERT INTO "{model._meta.db_table}" ({columns}) {values}'


@cache
def _update(
    model: type[models.Model],
    changed: tuple[str, ...],
    texts: tuple[str, ...],
    where: tuple[str, ...],
    found: tuple[str, ...],
    returning: tuple[str, ...] = (),
) -> str:
    changes = ", ".join(
        f'"{_column(model, name)}" = {text}' for name, text in zip(changed, texts, strict=True)
    )
    end = " RETURNING " + ", ".join(f'"{_column(model, name)}"' for name in returning) if returning else ""
    return f'UPDATE "{model._meta.db_table}" SET {changes} WHERE {_condition(model, where, found)}{end}'  # noqa: S608


@cache
def _select(
    model: type[models.Model],
    related: str | None,
    now: bool,
    where: tuple[str, ...],
    found: tuple[str, ...],
    order: str = "",
    unset: tuple[str, ...] = (),
) -> str:
    table = model._meta.db_table
    columns, tables = _columns(model), f'"{table}"'
    if related is not None:
        key, behind = _key(model, related)
        other = behind._meta
        columns += ", " + _columns(behind)
        tables += f' LEFT JOIN "{other.db_table}" ON "{other.db_table}"."{other.pk.column}" = "{table}"."{key.column}"'
    if now:
        columns += f", {clock.after_sql()}"
    end = f'ORDER BY "{table}"."{_column(model, order)}"' if order else "LIMIT 1"
    conditions = _condition(model, where, found)
    conditions += "".join(f' AND "{table}"."{_column(model, name)}" IS NULL' for name in unset)
    return f"SELECT {columns} FROM {tables} WHERE {conditions} {end}"  # noqa: S608


def _columns(model: type[models.Model]) -> str:
    return ", ".join(f'"{model._meta.db_table}"."{field.column}"' for field in model._meta.concrete_fields)


def _condition(model: type[models.Model], where: tuple[str, ...], found: tuple[str, ...]) -> str:
    table = model._meta.db_table
    return " AND ".join(
        f'"{table}"."{_column(model, name)}" = {text}' for name, text in zip(where, found, strict=True)
    )


def _column(model: type[models.Model], name: str) -> str:
    field: Any = model._meta.get_field(name)
    return str(field.column)


def _key(model: type[models.Model], name: str) -> tuple[Any, type[models.Model]]:
    """A foreign key and the model behind it."""
    field: Any = model._meta.get_field(name)
    return field, field.related_model


@cache
def _names(model: type[models.Model]) -> list[str]:
    return [field.attname for field in model._meta.concrete_fields]


@cache
def _converters(model: type[models.Model], vendor: str) -> list[tuple[int, list[Callable[..., Any]], Any]]:
    """What turns a column into what the model holds, as `SQLCompiler.get_converters` finds it."""
    found = []
    for position, field in enumerate(model._meta.concrete_fields):
        column = field.get_col(model._meta.db_table)
        converters = [*connection.ops.get_db_converters(column), *column.get_db_converters(connection)]
        if converters:
            found.append((position, converters, column))
    return found

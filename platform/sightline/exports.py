"""A job as a line of a file. Pure: the server's exports and the command line write the same.

CSV has the columns below and nothing that grows (input, output); JSON lines have the API's own document.
"""

import csv
import io
import json
from collections.abc import Callable, Mapping
from typing import Any

Document = Mapping[str, Any]
"""A job as the API shows it in a list."""


def _of(name: str, part: str) -> Callable[[Document], Any]:
    return lambda job: (job.get(name) or {}).get(part)


_COLUMNS: dict[str, Callable[[Document], Any]] = {
    **{
        name: (lambda job, name=name: job.get(name))  # type: ignore[misc]
        for name in ("id", "tenant", "kind", "model", "status", "attempt", "group", "worker")
    },
    **{
        name: (lambda job, name=name: job.get(name))  # type: ignore[misc]
        for name in ("created_at", "started_at", "ended_at", "served_from", "finish_reason")
    },
    "error_code": _of("error", "code"),
    "error_message": _of("error", "message"),
    "queue_ms": _of("timings_ms", "queue"),
    "total_ms": _of("timings_ms", "total"),
    "input_tokens": _of("usage", "input_tokens"),
    "image_tokens": _of("usage", "image_tokens"),
    "output_tokens": _of("usage", "output_tokens"),
    "tags": lambda job: " ".join(job.get("tags") or ()),
}
_OPERATORS = ("tenant", "group", "worker")
"""Columns for who sees all tenants; a tenant's own list does not say."""
FORMATS = ("csv", "jsonl")
CONTENT_TYPES = {"csv": "text/csv; charset=utf-8", "jsonl": "application/jsonl"}


def head(format: str, *, operator: bool = False) -> str:
    """What stands before the first job."""
    return _csv(_names(operator)) if format == "csv" else ""


def line(format: str, job: Document, *, operator: bool = False) -> str:
    """One job, with the end of the line."""
    if format == "csv":
        return _csv([_cell(_COLUMNS[name](job)) for name in _names(operator)])
    return json.dumps(job, ensure_ascii=False, separators=(",", ":")) + "\n"


def _names(operator: bool) -> list[str]:
    return [name for name in _COLUMNS if operator or name not in _OPERATORS]


def _cell(value: Any) -> Any:
    """A text that a spreadsheet would take for a formula is quoted: messages and tags come from strangers."""
    if isinstance(value, str) and value[:1] in "=+-@\t\r":
        return f"'{value}" if value else ""
    return "" if value is None else value


def _csv(cells: list[Any]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerow(cells)  # RFC 4180
    return text.getvalue()

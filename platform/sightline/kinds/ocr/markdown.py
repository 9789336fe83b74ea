"""Reads `qwenvl markdown`: Markdown with tables in LaTeX.

A comment `<!-- Table (x1, y1, x2, y2) -->` before a table gives its box; a picture is such a comment alone:
`<!-- Image (x1, y1, x2, y2) -->`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from sightline.kinds.coordinates import numbers
from sightline.kinds.lenient_json import unfenced
from sightline.kinds.ocr import tables
from sightline.kinds.ocr.page import Block, Reading

_PLACE = re.compile(r"<!--\s*([A-Za-z][\w ]{0,30}?)\s*[(\[]([-\d.,\s]{7,60})[)\]]\s*-->")
_TABULAR = re.compile(r"\\begin\{(tabular[x*]?|array|longtable)\}.*?(?:\\end\{\1\}|\Z)", re.DOTALL)
_TABLE_ENVIRONMENT = re.compile(r"\\(?:begin|end)\{table\*?\}(?:\[[^\]]*\])?|\\centering")
_HTML_TABLE = re.compile(r"<table\b.*?(?:</table>|\Z)", re.DOTALL | re.IGNORECASE)
_HEADING = re.compile(r"#{1,6}\s+")


def read(text: str) -> Reading:
    """The page in Markdown, in blocks, and as plain text. Takes any text."""
    markdown = unfenced(text)
    blocks = tuple(_blocks(markdown))
    parts = [tables.plain(block.rows) if block.rows is not None else block.text for block in blocks]
    return Reading(markdown=markdown, blocks=blocks, text="\n\n".join(part for part in parts if part))


def _blocks(markdown: str) -> Iterator[Block]:
    at = 0
    pending: tuple[str, list[float]] | None = None
    for match in _PLACE.finditer(markdown):
        bbox = numbers(match.group(2).strip(" ,"), 4)
        if bbox is None:
            continue
        yield from _stretch(markdown[at : match.start()], pending)
        at = match.end()
        kind = match.group(1).lower()
        if kind in ("image", "figure", "picture"):
            yield Block(type="image", text=None, bbox=bbox)
            pending = None
        else:
            pending = (kind, bbox)
    yield from _stretch(markdown[at:], pending)


def _stretch(text: str, pending: tuple[str, list[float]] | None) -> Iterator[Block]:
    """Blocks between two comments; the first one belongs to the comment before it, `pending`."""
    for piece in _pieces(_TABLE_ENVIRONMENT.sub("", text)):
        rows = tables.rows(piece)
        kind = "table" if rows is not None else "heading" if _HEADING.match(piece) else "text"
        bbox = None
        if pending is not None:
            named, bbox = pending
            kind = "table" if rows is not None else named
            pending = None
        yield Block(type=kind, text=_HEADING.sub("", piece, count=1), bbox=bbox, rows=rows)
    if pending is not None:
        yield Block(type=pending[0], text=None, bbox=pending[1])


def _pieces(text: str) -> Iterator[str]:
    """Paragraphs, with every table as one piece."""
    at = 0
    spans = [match.span() for pattern in (_TABULAR, _HTML_TABLE) for match in pattern.finditer(text)]
    for start, end in sorted(spans):
        if start < at:
            continue
        yield from _paragraphs(text[at:start])
        yield text[start:end].strip()
        at = end
    yield from _paragraphs(text[at:])


def _paragraphs(text: str) -> Iterator[str]:
    for paragraph in re.split(r"\n[ \t]*\n", text):
        if paragraph.strip():
            yield paragraph.strip()

"""Reads `qwenvl html`: HTML whose elements carry `data-bbox="x1 y1 x2 y2"`."""

from __future__ import annotations

import contextlib
import re
from html.parser import HTMLParser

from sightline.kinds.coordinates import numbers
from sightline.kinds.lenient_json import unfenced
from sightline.kinds.ocr import tables
from sightline.kinds.ocr.page import Block, Reading

_TYPES = {"table": "table", "img": "image", "figure": "image", "li": "list_item", "p": "text", "div": "text"}
_CLASSES = {"image": "image", "chart": "image", "figure": "image", "formula": "formula"}
_VOID = frozenset(
    {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"}
)
_BREAKS = frozenset({"p", "div", "li", "tr", "br", "h1", "h2", "h3", "h4", "h5", "h6", "table", "ul", "ol"})
_SILENT = frozenset({"script", "style", "head", "title"})
MAX_DEPTH = 200
"""Open elements that are kept track of; deeper ones are read as text of the ones around them."""


def read(text: str) -> Reading:
    """The page in HTML, its boxes as blocks, and its plain text. Takes any text."""
    html = unfenced(text)
    parser = _PageParser(html)
    with contextlib.suppress(AssertionError):  # html.parser gives up on declarations such as "<![x".
        parser.feed(html)
        parser.close()
    parser.finish()
    blocks = tuple(block for _, block in sorted(parser.blocks, key=lambda numbered: numbered[0]))
    return Reading(html=html, blocks=blocks, text=_tidy("".join(parser.text)))


def _tidy(text: str) -> str:
    lines = (re.sub(r"[ \t\r\f\v]+", " ", line).strip() for line in text.splitlines())
    return "\n".join(line for line in lines if line)


class _Open:
    def __init__(self, tag: str, type: str, bbox: list[float] | None, order: int, start: int) -> None:
        self.tag, self.type, self.bbox, self.order, self.start = tag, type, bbox, order, start
        self.words: list[str] = []


class _PageParser(HTMLParser):
    def __init__(self, source: str) -> None:
        super().__init__(convert_charrefs=True)
        self.blocks: list[tuple[int, Block]] = []
        self.text: list[str] = []
        self._open: list[_Open] = []
        self._order = 0
        self._silent = 0
        self._source = source
        self._line_starts = [0, *(match.end() for match in re.finditer("\n", source))]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _SILENT:
            self._silent += 1
        if tag in _BREAKS:
            self._write("\n")
        elif tag in ("td", "th"):
            self._write("\t" if self.text and not self.text[-1].endswith("\n") else "")
        values = dict(attrs)
        bbox = numbers((values.get("data-bbox") or "").strip(), 4)
        element = _Open(tag, _type(tag, values.get("class") or ""), bbox, self._order, self._here())
        self._order += 1
        if tag in _VOID:
            self._close(element, self._here())
        elif len(self._open) < MAX_DEPTH:
            self._open.append(element)

    def handle_endtag(self, tag: str) -> None:
        if tag in _SILENT and self._silent:
            self._silent -= 1
        if any(element.tag == tag for element in self._open):
            while True:
                element = self._open.pop()
                self._close(element, self._here())
                if element.tag == tag:
                    break
        if tag in _BREAKS:
            self._write("\n")

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self._write(data)

    def finish(self) -> None:
        """Close what the model left open."""
        while self._open:
            self._close(self._open.pop(), len(self._source))

    def _write(self, data: str) -> None:
        self.text.append(data)
        for element in self._open:
            if element.bbox is not None:
                element.words.append(data)

    def _close(self, element: _Open, end: int) -> None:
        if element.bbox is None:
            return
        rows = tables.html_rows(self._source[element.start : end]) if element.type == "table" else None
        text = _tidy("".join(element.words)) or None
        block = Block(type=element.type, text=text, bbox=element.bbox, rows=rows)
        self.blocks.append((element.order, block))

    def _here(self) -> int:
        line, column = self.getpos()
        return self._line_starts[min(line, len(self._line_starts)) - 1] + column


def _type(tag: str, classes: str) -> str:
    for name in classes.lower().split():
        if name in _CLASSES:
            return _CLASSES[name]
    return "heading" if re.fullmatch(r"h[1-6]", tag) else _TYPES.get(tag, "text")

"""Reads `qwenvl html`: HTML whose elements carry `data-bbox="x1 y1 x2 y2"`."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from sightline.kinds.coordinates import numbers
from sightline.kinds.lenient_json import unfenced
from sightline.kinds.ocr import tables
from sightline.kinds.ocr.page import Block, Reading
from sightline.kinds.ocr.tags import Token, tokens

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
    page = _Page(html)
    for token in tokens(html):
        if token.tag == "":
            page.write(token.text)
        elif token.closing:
            page.close(token)
        else:
            page.open(token)
    page.finish()
    blocks = tuple(block for _, block in sorted(page.blocks, key=lambda numbered: numbered[0]))
    return Reading(html=html, blocks=blocks, text=_tidy("".join(page.text)))


def _tidy(text: str) -> str:
    lines = (re.sub(r" ?\t ?", "\t", re.sub(r"[ \r\f\v]+", " ", line)).strip() for line in text.splitlines())
    return "\n".join(line for line in lines if line)


@dataclass(frozen=True, kw_only=True)
class _Open:
    """An element that has not ended yet."""

    tag: str
    type: str
    bbox: list[float] | None
    order: int
    start: int
    nested: bool
    words: list[str] = field(default_factory=list)


class _Page:
    """Collects the blocks and the text of a page, tag by tag."""

    def __init__(self, source: str) -> None:
        self.blocks: list[tuple[int, Block]] = []
        self.text: list[str] = []
        self._source = source
        self._open: list[_Open] = []
        self._order = 0
        self._silent = 0

    def open(self, token: Token) -> None:
        """A start tag."""
        if token.tag in _SILENT:
            self._silent += 1
        if token.tag in _BREAKS:
            self.write("\n")
        elif token.tag in ("td", "th") and self.text and not self.text[-1].endswith("\n"):
            self.write("\t")
        element = _Open(
            tag=token.tag,
            type=_type(token.tag, token.attributes.get("class", "")),
            bbox=numbers(token.attributes.get("data-bbox", "").strip(), 4),
            order=self._order,
            start=token.start,
            nested=any(outer.tag == "table" for outer in self._open),
        )
        self._order += 1
        if token.tag in _VOID:
            self._end(element, token.start)
        elif len(self._open) < MAX_DEPTH:
            self._open.append(element)

    def close(self, token: Token) -> None:
        """An end tag: ends its element and all that were left open inside."""
        if token.tag in _SILENT and self._silent:
            self._silent -= 1
        if any(element.tag == token.tag for element in self._open):
            while True:
                element = self._open.pop()
                self._end(element, token.start)
                if element.tag == token.tag:
                    break
        if token.tag in _BREAKS:
            self.write("\n")

    def finish(self) -> None:
        """Close what the model left open."""
        while self._open:
            self._end(self._open.pop(), len(self._source))

    def write(self, text: str) -> None:
        """Text, for the page and for every open element with a box."""
        if self._silent:
            return
        self.text.append(text)
        for element in self._open:
            if element.bbox is not None:
                element.words.append(text)

    def _end(self, element: _Open, end: int) -> None:
        if element.bbox is None:
            return
        # A nested table is part of its outer one's cells; reading it again would be quadratic in the depth.
        is_table = element.type == "table" and not element.nested
        rows = tables.html_rows(self._source[element.start : end]) if is_table else None
        text = _tidy("".join(element.words)) or None
        block = Block(type=element.type, text=text, bbox=element.bbox, rows=rows)
        self.blocks.append((element.order, block))


def _type(tag: str, classes: str) -> str:
    for name in classes.lower().split():
        if name in _CLASSES:
            return _CLASSES[name]
    return "heading" if re.fullmatch(r"h[1-6]", tag) else _TYPES.get(tag, "text")

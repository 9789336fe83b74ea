"""Splits HTML that a model wrote into tags and text, in linear time.

The standard library's html.parser takes minutes for 100 kB of tags that never close, which a looping model writes,
and raises on some declarations. This reader knows no more than pages need; attribute values end at `<` or `>`.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

_TAG = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9:-]{0,30})([^<>]{0,4000})>")
_ATTRIBUTE = re.compile(r"""([A-Za-z][\w:-]{0,60})\s{0,9}=\s{0,9}(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""")
_OPENING_OF_MARKUP = re.compile(r"<(?:!--|[!?/A-Za-z])")


@dataclass(frozen=True, kw_only=True)
class Token:
    """A tag or a stretch of text."""

    start: int
    """Where it starts in the source."""
    tag: str = ""
    """Name of the tag in lower case, "" for text."""
    closing: bool = False
    """True for an end tag."""
    text: str = ""
    """The text, with its entities decoded."""
    attributes: dict[str, str] = field(default_factory=dict)
    """Attributes of a start tag by lower-case name."""


def tokens(source: str) -> Iterator[Token]:
    """The tags and texts of `source` in order; comments and declarations are left out."""
    at = text_from = 0
    while match := _OPENING_OF_MARKUP.search(source, at):
        start = match.start()
        tag = _TAG.match(source, start)
        if tag is not None:
            end = tag.end()
        elif match.group() in ("<!--", "<!", "<?"):
            closer = "-->" if match.group() == "<!--" else ">"
            found = source.find(closer, start)
            end = found + len(closer) if found != -1 else len(source)
        else:
            at = start + 1  # A lone "<" is text.
            continue
        if start > text_from:
            yield Token(start=text_from, text=html.unescape(source[text_from:start]))
        if tag is not None:
            yield Token(
                start=start,
                tag=tag.group(2).lower(),
                closing=bool(tag.group(1)),
                attributes=_attributes(tag.group(3)),
            )
        at = text_from = end
    if text_from < len(source):
        yield Token(start=text_from, text=html.unescape(source[text_from:]))


def _attributes(text: str) -> dict[str, str]:
    return {
        match.group(1).lower(): html.unescape(next((value for value in match.groups()[1:] if value), ""))
        for match in _ATTRIBUTE.finditer(text)
    }

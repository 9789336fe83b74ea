"""The kinds of jobs there are: one line a kind."""

from __future__ import annotations

from collections.abc import Mapping

from sightline.kinds.chat.kind import Chat
from sightline.kinds.contract import Kind
from sightline.kinds.gui.kind import Gui
from sightline.kinds.ocr.kind import Ocr

KINDS: Mapping[str, Kind] = {kind.name: kind for kind in (Gui(), Chat(), Ocr())}


class UnknownKind(LookupError):
    """There is no kind of that name."""


def get(name: str) -> Kind:
    """The kind called `name`. Raises UnknownKind."""
    try:
        return KINDS[name]
    except KeyError:
        raise UnknownKind(f"kind must be one of {', '.join(KINDS)}, not {name!r}") from None

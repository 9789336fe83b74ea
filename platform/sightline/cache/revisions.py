"""Which revision of a model the engines of a tag serve: the part of a key that a changed checkpoint changes."""

import threading
import time
from dataclasses import dataclass, field

from sightline.fleet.models import EngineState, Group

FRESH_S = 1.0
"""How long one process keeps what it read."""


@dataclass
class _Read:
    at: float = float("-inf")
    by_tag: dict[str, str] = field(default_factory=dict)


_read = _Read()
_lock = threading.Lock()


def current(tag: str) -> str:
    """The revision of the tag; empty while no group ever said one, and then nothing can be cached.

    While two are served at once, during a roll-out, the one of the group that started last. An answer that
    another revision gave is not kept: `finish` compares.
    """
    global _read
    if time.monotonic() - _read.at > FRESH_S:
        with _lock:
            if time.monotonic() - _read.at > FRESH_S:
                _read = _Read(by_tag=_ask(), at=time.monotonic())
    return _read.by_tag.get(tag, "")


def forget() -> None:
    """Read anew at the next call."""
    global _read
    _read = _Read()


def _ask() -> dict[str, str]:
    rows = Group.objects.exclude(revision="").values_list("tag", "revision", "state", "started_at")
    newest: dict[str, tuple[tuple[bool, float], str]] = {}
    for tag, revision, state, started in rows:
        rank = (state != EngineState.STOPPED, started.timestamp() if started else 0.0)
        if tag not in newest or rank > newest[tag][0]:
            newest[tag] = (rank, revision)
    return {tag: revision for tag, (_, revision) in newest.items()}

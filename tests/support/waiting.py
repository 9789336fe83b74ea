"""Waiting for a condition, with a generous limit: tests wait for what happens, never for a time."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

LOOK_EVERY_S = 0.05


def until(condition: Callable[[], T], *, what: str, within_s: float = 90.0) -> T:
    """The first truthy value of `condition`; `AssertionError` naming `what` when there is none in time."""
    end = time.monotonic() + within_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"Waited {within_s:g} s in vain for: {what}. Last seen: {value!r}")
        time.sleep(LOOK_EVERY_S)

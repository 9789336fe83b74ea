"""Has the model fallen into a loop? Vision-language models do so on tables, dotted lines and blank forms.

Only the tail is looked at, for a unit that repeats exactly. The thresholds leave alone what documents really
hold: table rules, leaders of a table of contents, empty rows of a form, a sheet of equal labels.
"""

from __future__ import annotations

MIN_SPAN = 512
"""Characters that the repetition covers at least."""
MANY_REPEATS = 32
"""So many repeats of a unit are a loop, once they cover MIN_SPAN …"""
LONG_SPAN = 6000
"""… and for long units, so many characters …"""
FEW_REPEATS = 6
"""… in at least so many repeats."""
WINDOW = 12_000
"""Characters of the tail that are looked at; units up to WINDOW / FEW_REPEATS are found."""
CHECK_EVERY = 256
"""Characters between two checks of a stream."""
_PROBE = 16


def needed_span(period: int) -> int:
    """Characters that a unit of `period` characters must cover to count as a loop."""
    return max(MIN_SPAN, min(MANY_REPEATS * period, max(FEW_REPEATS * period, LONG_SPAN)))


def loop_period(text: str) -> int | None:
    """Length in characters of the unit that repeats at the end of `text`, or None."""
    tail = text[-WINDOW:]
    if len(tail) < MIN_SPAN:
        return None
    probe = tail[-_PROBE:]
    end = len(tail)
    # If the tail repeats with period p, its last 16 characters occur p earlier as well: only such p are
    # tried, and most comparisons end at their first character.
    at = tail.rfind(probe, 0, end - 1)
    while at != -1:
        period = end - _PROBE - at
        span = needed_span(period)
        if period * FEW_REPEATS > WINDOW:
            return None
        if span <= end and tail[-span:-period] == tail[-span + period :]:
            return period
        at = tail.rfind(probe, 0, at + _PROBE - 1)
    return None


def is_looping(text: str) -> bool:
    """True when the end of `text` repeats one unit beyond anything a document holds."""
    return loop_period(text) is not None


class LoopWatch:
    """Watches a stream of text: feed it every delta, stop the generation when it answers True."""

    def __init__(self) -> None:
        self._tail = ""
        self._unchecked = 0

    def feed(self, delta: str) -> bool:
        """Take in `delta`; True once the text loops. Looks every CHECK_EVERY characters."""
        self._tail = (self._tail + delta)[-WINDOW:]
        self._unchecked += len(delta)
        if self._unchecked < CHECK_EVERY:
            return False
        self._unchecked = 0
        return is_looping(self._tail)


def settled_finish(text: str, finish: str) -> str:
    """`finish`, or "repetition" when the text was cut at the token limit while it looped."""
    return "repetition" if finish == "length" and is_looping(text) else finish

"""How long to wait before a program that ended starts again."""

import time

FIRST_S = 0.5
LONGEST_S = 30.0
SETTLED_S = 60.0
"""A program that ran so long counts as healthy: its next end starts from the first pause."""


class Backoff:
    """Doubles from half a second to half a minute while the program keeps ending soon after its start."""

    def __init__(self) -> None:
        self._ends = 0
        self._due: float | None = None

    @property
    def pending(self) -> bool:
        """Its end was noted, and the next start has not been made."""
        return self._due is not None

    def ended(self, *, ran_s: float) -> float:
        """Note an end after `ran_s` seconds; the seconds to wait."""
        self._ends = 0 if ran_s >= SETTLED_S else self._ends
        pause = min(LONGEST_S, FIRST_S * 2.0**self._ends)
        self._ends = min(self._ends + 1, 16)
        self._due = time.monotonic() + pause
        return pause

    def due(self) -> bool:
        return self._due is not None and time.monotonic() >= self._due

    def started(self) -> None:
        self._due = None

"""When a delivery that failed is tried again."""

import random

RETRIES_S = (5, 5 * 60, 30 * 60, 2 * 3600, 5 * 3600, 10 * 3600)
"""Pauses after the first attempt, the second, …; after the last one it has failed."""
_JITTER = 0.2


def pause_s(tries: int) -> float | None:
    """Seconds after the attempt number `tries` (from 1), a fifth more at most; None: it was the last."""
    if tries > len(RETRIES_S):
        return None
    return RETRIES_S[tries - 1] * random.uniform(1.0, 1.0 + _JITTER)  # noqa: S311 - spreads load, hides nothing

"""The engine's waiting queue is ordered by a virtual deadline, so that ocr ages by itself."""

from datetime import UTC, datetime

_EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
_OFFSET_S = {"gui": 0.0, "chat": 5.0, "ocr": 30.0}


def priority(kind: str, claimed_at: datetime) -> int:
    """vLLM's `priority` (lower first), in tenths of a second, from the moment of the claim.

    From the claim and not from the submission: an old ocr backlog would outrank new gui jobs.
    """
    return int(((claimed_at - _EPOCH).total_seconds() + _OFFSET_S.get(kind, 30.0)) * 10)

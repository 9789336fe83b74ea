"""How long a simulated request takes: batch times turned into continuous batching.

A profile says that a batch of B requests takes `base + each * B` seconds. An engine that admits and
releases requests one by one is in such a batch at every moment: while n run, each of them progresses by
1 / (base + each * n) of a request a second. With n constant, throughput and latency are the profile's.
"""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class CostProfile:
    """Seconds that a batch takes."""

    base_s: float
    each_s: float

    def batch_s(self, running: int) -> float:
        """Seconds one request takes while `running` of them share the engine."""
        return self.base_s + self.each_s * running


PROFILES = {
    # Figures published for one 24 GB card, 1080p image and 256-token prompt: 3.2 requests/s alone, 6.4 at 8.
    "published": CostProfile(base_s=0.178, each_s=0.134),
    # The same card if all of its published 14.7 requests/s at 8 came from batching.
    "batching": CostProfile(base_s=0.279, each_s=0.0335),
    # No time at all: for tests.
    "instant": CostProfile(base_s=0.0, each_s=0.0),
}

# Share of a request's cost that passes before its first token: vision encoder and prefill.
PREFILL_SHARE = 0.4


def token_work(position: int, usual_tokens: int) -> float:
    """Work done when token `position` (from 1) comes out, for an answer that usually has `usual_tokens`.

    The whole usual answer is 1; one that is cut short costs less, one that loops costs more.
    """
    return PREFILL_SHARE + (1.0 - PREFILL_SHARE) * position / max(1, usual_tokens)

"""One look through all tiers."""

from collections.abc import Sequence

from sightline.cache import l1, l2
from sightline.cache.values import Found, InFlight, SimilarTier, Stale, Wanted
from sightline.near.tier import Near

SIMILAR: Sequence[SimilarTier] = (Near(),)
"""Tiers that find similar requests, asked in this order: one line a tier."""


def find(wanted: Wanted, *, fresh: bool = False) -> Found | InFlight | Stale | None:
    """What can be had for a request right now. Nothing is locked: whoever uses it asserts that it still holds.

    `fresh`: what L1 had turned out to be void; ask the database.
    """
    if wanted.mode != "refresh" and not fresh and (found := l1.find(wanted.key)) is not None:
        return found
    there = l2.find(wanted)
    if isinstance(there, Found):
        l1.keep(there)
    if wanted.mode == "near" and (there is None or isinstance(there, Stale)):
        for tier in SIMILAR:
            if (similar := tier.find(wanted)) is not None:
                return similar
    return there

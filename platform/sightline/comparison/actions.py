"""How far apart two actions on one screenshot are.

Nobody knows the elements of a screenshot, so "the same place" is a question of distance: two points that one target
of the least size which WCAG 2.2 allows (success criterion 2.5.8: 24 × 24 CSS pixels) would hold. Screenshots are
taken at 1 to 3 device pixels a CSS pixel and do not say so; a large one is measured as 1,920 CSS pixels wide or high.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

TARGET_PX = 24
"""CSS pixels of the smallest target (WCAG 2.2, 2.5.8)."""
_LONGER_SIDE_PX = 1920

Point = tuple[float, float]
"""x, y in pixels of the original screenshot."""


@dataclass(frozen=True, kw_only=True)
class ActionDifference:
    """Two actions."""

    first: str
    """Its name, `left_click`; empty: no action."""
    second: str
    distance_px: float | None
    """Between the two points, of a drag the larger of the distances of its ends; None where one has none."""
    distance_share: float | None
    """The same as a share of the screenshot's diagonal."""
    within_px: float
    """Up to this distance two points are the same place."""
    same_place: bool | None
    """None where there is no distance."""
    arguments: tuple[tuple[str, Any, Any], ...]
    """Name, first and second value of every other argument that differs."""

    @property
    def same(self) -> bool:
        """Would it do the same?"""
        return self.first == self.second and self.same_place is not False and not self.arguments


def compare_actions(first: Mapping[str, Any], second: Mapping[str, Any]) -> ActionDifference:
    """Two outputs of gui jobs on one screenshot."""
    size = _size(first) or _size(second)
    ours, theirs = dict(first.get("arguments") or {}), dict(second.get("arguments") or {})
    pairs = [(_point(first, name), _point(second, name)) for name in ("point_px", "point2_px")]
    distances = [math.dist(left, right) for left, right in pairs if left and right]
    one_sided = any((left is None) != (right is None) for left, right in pairs)
    distance = max(distances) if distances and not one_sided else None
    within = TARGET_PX * max(1.0, max(size) / _LONGER_SIDE_PX) if size else float(TARGET_PX)
    names = {*ours, *theirs} - {"action", "coordinate", "coordinate2"}
    return ActionDifference(
        first=str(ours.get("action", "")),
        second=str(theirs.get("action", "")),
        distance_px=distance,
        distance_share=distance / math.hypot(*size) if distance is not None and size else None,
        within_px=within,
        same_place=None if distance is None else distance <= within,
        arguments=tuple(
            (name, ours.get(name), theirs.get(name))
            for name in sorted(names)
            if ours.get(name) != theirs.get(name)
        ),
    )


def _point(output: Mapping[str, Any], name: str) -> Point | None:
    value: Sequence[float] | None = (output.get("resolved") or {}).get(name)
    return (float(value[0]), float(value[1])) if value else None


def _size(output: Mapping[str, Any]) -> tuple[int, int] | None:
    image = (output.get("resolved") or {}).get("image")
    return (int(image["width"]), int(image["height"])) if image else None

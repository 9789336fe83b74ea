"""How well two sets of boxes agree.

IoU is the area that two boxes share over the area that they cover together (P. Jaccard, 1901). Boxes are matched as
detectors are evaluated (M. Everingham et al., *The PASCAL Visual Object Classes Challenge*, 2010): greedily, the
best pair first, each box once, from an IoU of 0.5 on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

MATCH = 0.5
"""IoU from which on two boxes are the same one."""

Box = tuple[float, float, float, float]
"""x1, y1, x2, y2 in pixels, in any order of the corners."""


@dataclass(frozen=True, kw_only=True)
class Match:
    """Two boxes that are the same one."""

    first: str
    """Its id in the first set."""
    second: str
    """Its id in the second set."""
    iou: float
    """`MATCH` to 1."""


@dataclass(frozen=True, kw_only=True)
class BoxDifference:
    """Two sets of boxes."""

    matches: tuple[Match, ...]
    """In the order of the first set."""
    only_first: tuple[str, ...]
    """Ids without a match."""
    only_second: tuple[str, ...]
    """Ids without a match."""

    @property
    def mean_iou(self) -> float | None:
        """Of the matched boxes; None without any."""
        return sum(match.iou for match in self.matches) / len(self.matches) if self.matches else None

    @property
    def f1(self) -> float | None:
        """Matched boxes over all: 2 TP / (2 TP + FP + FN); None without any box."""
        total = 2 * len(self.matches) + len(self.only_first) + len(self.only_second)
        return 2 * len(self.matches) / total if total else None


def iou(first: Box, second: Box) -> float:
    """Intersection over union, 0 to 1; of two boxes without area, 1 where they are equal."""
    left, right = _sorted(first), _sorted(second)
    width = min(left[2], right[2]) - max(left[0], right[0])
    height = min(left[3], right[3]) - max(left[1], right[1])
    shared = max(0.0, width) * max(0.0, height)
    covered = _area(left) + _area(right) - shared
    if covered <= 0:
        return float(left == right)
    return shared / covered


def compare_boxes(first: Mapping[str, Box], second: Mapping[str, Box]) -> BoxDifference:
    """Match the boxes of two sets, each given by its id."""
    left = [(name, _sorted(box)) for name, box in first.items()]
    right = sorted(((name, _sorted(box)) for name, box in second.items()), key=lambda item: item[1][1])
    pairs = sorted(
        _pairs(left, right), key=lambda pair: -pair[0]
    )  # stable: ties in the order of the first set
    found: dict[str, Match] = {}
    taken: set[str] = set()
    for value, ours, theirs in pairs:
        if ours not in found and theirs not in taken:
            found[ours] = Match(first=ours, second=theirs, iou=round(value, 6))
            taken.add(theirs)
    return BoxDifference(
        matches=tuple(found[name] for name in first if name in found),
        only_first=tuple(name for name in first if name not in found),
        only_second=tuple(name for name in second if name not in taken),
    )


def _pairs(
    left: Sequence[tuple[str, Box]], right: Sequence[tuple[str, Box]]
) -> Iterator[tuple[float, str, str]]:
    """Pairs that may match. `right` is sorted by its upper edges: boxes that begin below need no look."""
    for ours, box in left:
        for theirs, other in right:
            if other[1] > box[3]:
                break
            if other[3] >= box[1] and (value := iou(box, other)) >= MATCH:
                yield value, ours, theirs


def _sorted(box: Box) -> Box:
    (x1, x2), (y1, y2) = sorted(box[0::2]), sorted(box[1::2])
    return x1, y1, x2, y2


def _area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])

"""The pages of two ocr jobs: both sets of boxes on one image, matched ones linked, and the texts as a difference."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sightline.comparison.boxes import BoxDifference
from sightline.comparison.jobs import Comparison, PageDifference
from sightline.jobs.models import Job
from sightline_dashboard.compare.pieces import Piece, pieces
from sightline_dashboard.jobpage.images import Shown
from sightline_dashboard.jobpage.ocr import MOST_PAGES, Box, boxes_of


@dataclass(frozen=True, kw_only=True)
class Pair:
    """A box of the one, the other, or the same box of both."""

    key: str
    """Links the boxes on the image with the row beside it."""
    first: Box | None
    second: Box | None
    iou: float | None


@dataclass(frozen=True, kw_only=True)
class DrawnPage:
    """One page."""

    number: int
    image: Shown | None
    """None where the two were given different images, or it is not stored any more."""
    pairs: list[Pair]
    difference: PageDifference
    pieces: list[Piece]
    html: bool
    """Both are HTML, shown in frames beside each other."""


def draw_pages(
    found: Comparison, first: Job, second: Job, ours: list[Shown], theirs: list[Shown]
) -> list[DrawnPage]:
    """The first `MOST_PAGES` pages."""
    left, right = _by_number(first), _by_number(second)
    return [
        DrawnPage(
            number=page.number,
            image=_image(page.number, ours, theirs),
            pairs=_pairs(page, left.get(page.number, {}), right.get(page.number, {})),
            difference=page,
            pieces=pieces(page.text.runs),
            html=bool(left.get(page.number, {}).get("html") and right.get(page.number, {}).get("html")),
        )
        for page in found.pages[:MOST_PAGES]
    ]


def _by_number(job: Job) -> dict[int, Mapping[str, Any]]:
    return {page["page"]: page for page in (job.output or {}).get("pages") or ()}


def _image(number: int, ours: list[Shown], theirs: list[Shown]) -> Shown | None:
    if not 0 < number <= min(len(ours), len(theirs)):
        return None
    image = ours[number - 1]
    return image if image.url and image.sha256 == theirs[number - 1].sha256 else None


def _pairs(page: PageDifference, first: Mapping[str, Any], second: Mapping[str, Any]) -> list[Pair]:
    if page.boxes is None:
        return []
    left, right = _boxes(first), _boxes(second)
    return sorted(_all(page.number, page.boxes, left, right), key=_place)


def _all(
    number: int, found: BoxDifference, left: Mapping[str, Box], right: Mapping[str, Box]
) -> Iterable[Pair]:
    for match in found.matches:
        yield Pair(
            key=f"p{number}m{match.first}",
            first=left[match.first],
            second=right[match.second],
            iou=match.iou,
        )
    for name in found.only_first:
        yield Pair(key=f"p{number}a{name}", first=left[name], second=None, iou=None)
    for name in found.only_second:
        yield Pair(key=f"p{number}b{name}", first=None, second=right[name], iou=None)


def _place(pair: Pair) -> tuple[int, int]:
    box = pair.first or pair.second
    return (box.y, box.x) if box else (0, 0)


def _boxes(page: Mapping[str, Any]) -> dict[str, Box]:
    return {box.id: box for box in boxes_of(page)}

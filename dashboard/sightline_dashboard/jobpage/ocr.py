"""An ocr job's pages: each image with the boxes of its blocks, the text beside it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sightline.jobs.models import Job
from sightline_dashboard.jobpage.images import Shown

MOST_PAGES = 20
"""Pages that are drawn: the browser would load as many images."""


@dataclass(frozen=True, kw_only=True)
class Box:
    """One block of a page, in pixels of the original image."""

    id: str
    text: str
    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True, kw_only=True)
class DrawnPage:
    """One page of the output."""

    number: int
    image: Shown | None
    page: dict[str, Any]
    boxes: list[Box]
    complete: bool


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """What the template draws."""

    mode: str
    pages: list[DrawnPage]
    left_out: int
    """Pages beyond `MOST_PAGES`."""


def draw(job: Job, images: list[Shown]) -> Drawn:
    """Without an output yet, the pages are the images alone."""
    pages = (job.output or {}).get("pages") or [{"page": image.number} for image in images]
    return Drawn(
        mode=str(job.input.get("mode", "")),
        pages=[_page(page, images) for page in pages[:MOST_PAGES]],
        left_out=max(0, len(pages) - MOST_PAGES),
    )


def _page(page: dict[str, Any], images: list[Shown]) -> DrawnPage:
    number = page["page"]
    return DrawnPage(
        number=number,
        image=images[number - 1] if 0 < number <= len(images) else None,
        page=page,
        boxes=boxes_of(page),
        complete=page.get("finish", "stop") == "stop",
    )


def boxes_of(page: Mapping[str, Any]) -> list[Box]:
    """The blocks of a page of the output that have a place."""
    return [_box(block) for block in page.get("blocks") or () if block.get("bbox_px")]


def _box(block: dict[str, Any]) -> Box:
    # Models do write a box from its far corner.
    (x1, x2), (y1, y2) = sorted(block["bbox_px"][0::2]), sorted(block["bbox_px"][1::2])
    return Box(
        id=str(block.get("id", "")),
        text=str(block.get("text_content") or ""),
        x=x1,
        y=y1,
        width=x2 - x1,
        height=y2 - y1,
    )

"""What one page of ocr consists of while it is being read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sightline.kinds.contract import Image
from sightline.kinds.coordinates import place
from sightline.kinds.ocr.tables import Rows


@dataclass(frozen=True, kw_only=True)
class Block:
    """A piece of a page."""

    type: str
    """text, table, image, heading, formula, …"""
    text: str | None
    """Its text as written, None for a picture."""
    bbox: list[float] | None = None
    """x1, y1, x2, y2 on the 0–1000 grid, where the model gave them."""
    rows: Rows | None = None
    """Cells of a table."""

    def as_json(self, *, page: int, order: int, image: Image) -> dict[str, Any]:
        """The block of the output: raw, normalised and pixel values; `page` from 1, `order` from 0."""
        placed = place(self.bbox, width=image.width, height=image.height) if self.bbox else None
        block: dict[str, Any] = {
            "id": f"p{page}b{order}",
            "type": self.type,
            "bbox_2d": list(placed.raw) if placed else None,
            "bbox_norm": list(placed.normalised) if placed else None,
            "bbox_px": list(placed.pixels) if placed else None,
            "clamped": placed.clamped if placed else False,
            "text_content": self.text,
            "order": order,
        }
        if self.rows is not None:
            block["rows"] = self.rows
        return block


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What a page's text was parsed into."""

    text: str | None = None
    """Plain text; None in kie mode."""
    markdown: str | None = None
    """Markdown mode: the text without the fence around it."""
    html: str | None = None
    """HTML mode: the text without the fence around it. Untrusted."""
    blocks: tuple[Block, ...] = ()
    """Pieces in reading order."""
    fields: dict[str, Any] | None = None
    """kie mode: the values that were found."""
    warnings: list[str] = field(default_factory=list)
    """What was put up with or left out."""

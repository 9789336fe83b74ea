"""The outputs of the kinds, as values. Text in them comes from a model: do not trust it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self


@dataclass(frozen=True, kw_only=True)
class Block:
    """A piece of a page."""

    type: str
    """text, table, image, heading, formula, …"""
    text: str | None
    """As written; None for a picture."""
    box_px: tuple[float, float, float, float] | None
    """x1, y1, x2, y2 in pixels of the original; None where the model gave none."""

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Self:
        box = document.get("bbox_px")
        return cls(
            type=str(document.get("type") or ""),
            text=document.get("text_content"),
            box_px=(box[0], box[1], box[2], box[3]) if box else None,
        )


@dataclass(frozen=True, kw_only=True)
class Page:
    """One page of an ocr job."""

    number: int
    """From 1."""
    width: int
    """Pixels."""
    height: int
    """Pixels."""
    text: str | None
    markdown: str | None
    html: str | None
    fields: Mapping[str, Any] | None
    """Mode kie: the values that were found."""
    raw: str | None
    """What the model wrote, where it is not the text, the Markdown or the HTML itself."""
    blocks: tuple[Block, ...]
    finish: str
    """stop | length | repetition; only `stop` is a whole page."""
    warnings: tuple[str, ...]

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Self:
        return cls(
            number=int(document["page"]),
            width=int(document["width"]),
            height=int(document["height"]),
            text=document.get("text"),
            markdown=document.get("markdown"),
            html=document.get("html"),
            fields=document.get("fields"),
            raw=document.get("raw"),
            blocks=tuple(Block.read(block) for block in document.get("blocks") or ()),
            finish=str(document.get("finish") or ""),
            warnings=tuple(document.get("warnings") or ()),
        )


@dataclass(frozen=True, kw_only=True)
class Ocr:
    """What was read."""

    mode: str
    pages: tuple[Page, ...]

    @property
    def text(self) -> str:
        """The plain text of all pages, a form feed between them."""
        return "\n\f".join(page.text or "" for page in self.pages)

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Self:
        return cls(
            mode=str(document.get("mode") or ""),
            pages=tuple(Page.read(page) for page in document.get("pages") or ()),
        )


@dataclass(frozen=True, kw_only=True)
class Gui:
    """The next action."""

    action: str | None
    """left_click, type, scroll, …; None when the model's text held no whole action."""
    arguments: Mapping[str, Any]
    """Of the action, as the model wrote them; points on its own grid."""
    point_px: tuple[int, int] | None
    """Where, in pixels of the screenshot; None for an action without a place."""
    point2_px: tuple[int, int] | None
    """Where a swipe ends."""
    thought: str | None
    description: str | None
    done: str | None
    """success or failure, when the action ends the task."""
    raw: str

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Self:
        arguments = dict(document.get("arguments") or {})
        resolved = document.get("resolved") or {}
        return cls(
            action=arguments.pop("action", None),
            arguments=arguments,
            point_px=_point(resolved.get("point_px")),
            point2_px=_point(resolved.get("point2_px")),
            thought=document.get("thought"),
            description=document.get("description"),
            done=document.get("done"),
            raw=str(document.get("raw") or ""),
        )


@dataclass(frozen=True, kw_only=True)
class Chat:
    """The answer."""

    text: str
    reasoning: str | None
    tool_calls: tuple[Mapping[str, Any], ...]
    """As OpenAI has them."""
    finish_reason: str

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Self:
        choice = (document.get("choices") or [{}])[0]
        message = choice.get("message") or {}
        return cls(
            text=str(message.get("content") or ""),
            reasoning=message.get("reasoning"),
            tool_calls=tuple(message.get("tool_calls") or ()),
            finish_reason=str(choice.get("finish_reason") or ""),
        )


def _point(value: Any) -> tuple[int, int] | None:
    return (int(value[0]), int(value[1])) if value else None

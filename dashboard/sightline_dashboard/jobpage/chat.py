"""A chat job as a chat: what was said, by whom, with the images in their places, and the answer."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sightline.jobs.models import Job
from sightline_dashboard.jobpage.images import Shown


@dataclass(frozen=True, kw_only=True)
class Part:
    """A text or an image."""

    text: str = ""
    image: Shown | None = None


@dataclass(frozen=True, kw_only=True)
class Turn:
    """One message."""

    role: str
    parts: list[Part]
    reasoning: str = ""
    tool_calls: tuple[dict[str, Any], ...] = ()
    answer: bool = False
    """It is what this job brought."""


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """The conversation in order."""

    turns: list[Turn]


def draw(job: Job, images: list[Shown]) -> Drawn:
    remaining = iter(images)
    turns = [_asked(message, remaining) for message in job.input.get("messages") or ()]
    for choice in (job.output or {}).get("choices") or ():
        message = choice.get("message") or {}
        turns.append(
            Turn(
                role="assistant",
                parts=[Part(text=message.get("content") or "")],
                reasoning=message.get("reasoning") or "",
                tool_calls=_calls(message),
                answer=True,
            )
        )
    return Drawn(turns=turns)


def _asked(message: dict[str, Any], images: Iterator[Shown]) -> Turn:
    content = message.get("content")
    parts = [Part(text=content)] if isinstance(content, str) else []
    for part in content if isinstance(content, list) else ():
        if part.get("type") == "text":
            parts.append(Part(text=part.get("text", "")))
        elif "media" in part:
            parts.append(Part(image=next(images, None)))
    return Turn(role=str(message.get("role", "")), parts=parts, tool_calls=_calls(message))


def _calls(message: dict[str, Any]) -> tuple[dict[str, Any], ...]:
    return tuple(call.get("function") or {} for call in message.get("tool_calls") or ())

"""A gui job's action, drawn on its screenshot in the screenshot's own pixels."""

from dataclasses import dataclass
from typing import Any

from sightline.jobs.models import Job
from sightline_dashboard.jobpage.images import Shown

_RADIUS = 0.014
"""Of the longer side: large enough to see on a 4K screenshot, small enough to show what it hits."""


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """What the template draws over the image."""

    image: Shown | None
    instruction: str
    history: list[str]
    output: dict[str, Any]
    action: str
    arguments: list[tuple[str, Any]]
    point: tuple[int, int] | None
    """Pixels of the original image."""
    point2: tuple[int, int] | None
    """Where a swipe ends."""
    radius: float
    """Of the marker, in pixels of the original image."""

    @property
    def centre(self) -> float:
        """Radius of the dot in the marker's middle."""
        return round(self.radius / 5, 1)


def draw(job: Job, images: list[Shown]) -> Drawn:
    output = job.output or {}
    resolved = output.get("resolved") or {}
    arguments = output.get("arguments") or {}
    image = images[0] if images else None
    return Drawn(
        image=image,
        instruction=str(job.input.get("instruction", "")),
        history=list(job.input.get("history") or ()),
        output=output,
        action=str(arguments.get("action", "")),
        arguments=[(name, value) for name, value in arguments.items() if name != "action"],
        point=_point(resolved.get("point_px")),
        point2=_point(resolved.get("point2_px")),
        radius=round(max(image.width, image.height) * _RADIUS, 1) if image else 0,
    )


def _point(value: Any) -> tuple[int, int] | None:
    return (int(value[0]), int(value[1])) if value else None

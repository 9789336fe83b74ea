"""References to images in an input, and the images that a stored input is bound to."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from sightline.kinds.text import STORABLE

if TYPE_CHECKING:
    from sightline.kinds.contract import StoredImage

MAX_IMAGES = 100
"""Most images a job may hold."""


class ImageRef(BaseModel):
    """Where an image comes from: exactly one of `upload_id`, `data` and `url`."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        frozen=True,
        json_schema_extra={
            "examples": [
                {"upload_id": "up_01JABCDEFGHJKMNPQRSTVWXYZ0"},
                {"data": "data:image/png;base64,iVBORw0KGgo="},
                {"url": "https://example.com/screenshot.png"},
            ]
        },
    )

    upload_id: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_-]+$")] | None = None
    data: Annotated[str, STORABLE] | None = Field(default=None, description="data:image/png;base64,…")
    url: Annotated[str, Field(max_length=8192), STORABLE] | None = Field(
        default=None, description="An http or https address."
    )
    detail: Literal["auto", "low", "high"] | None = Field(
        default=None, description="OpenAI's detail; accepted, the pixel budget decides."
    )

    @model_validator(mode="after")
    def _exactly_one_source(self) -> ImageRef:
        given = [name for name in ("upload_id", "data", "url") if getattr(self, name) is not None]
        if len(given) != 1:
            raise PydanticCustomError(
                "image_source",
                "give exactly one of upload_id, data and url, not {count}",
                {"count": len(given)},
            )
        if self.data is not None and not re.match(r"data:[^,]{0,256},", self.data, re.IGNORECASE):
            raise PydanticCustomError(
                "image_source", "data must be a data URI such as data:image/png;base64,…"
            )
        if self.url is not None and not re.match(r"https?://[^\s\x00]+$", self.url, re.IGNORECASE):
            raise PydanticCustomError("image_source", "url must be an http or https address")
        return self


def check_count(images: Sequence[object], limit: int = MAX_IMAGES) -> None:
    """Refuse more than `limit` images with the error type too_many_images."""
    if len(images) > limit:
        raise PydanticCustomError(
            "too_many_images",
            "{count} images, at most {limit} are allowed",
            {"count": len(images), "limit": limit},
        )


def media(image: StoredImage) -> dict[str, Any]:
    """What a stored input holds in an image's place."""
    return {
        "media": {"sha256": image.sha256, "width": image.width, "height": image.height, "mime": image.mime}
    }


def bound_media(input: object) -> list[dict[str, Any]]:
    """The media of a bound input, in prompt order: entry i is image i of a call."""
    if isinstance(input, list):
        return [found for item in input for found in bound_media(item)]
    if isinstance(input, dict):
        here = input.get("media")
        if isinstance(here, dict) and "sha256" in here:
            return [here]
        return [found for value in input.values() for found in bound_media(value)]
    return []

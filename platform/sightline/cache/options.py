"""`cache` of a request, and what follows from it for a job."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from django.conf import settings
from pydantic import BaseModel, ConfigDict, Field

from sightline.kinds.contract import Kind

LONGEST_TTL_S = 30 * 86_400

Mode = Literal["exact", "near", "off", "refresh"]


class CacheOptions(BaseModel):
    """How a job uses earlier answers."""

    model_config = ConfigDict(
        extra="forbid", strict=True, json_schema_extra={"examples": [{"mode": "exact"}]}
    )

    mode: Mode | None = Field(
        default=None,
        description="exact: the answer to the identical request, or the one that is being made; near: also to a"
        " request with the same prompt and hardly different pictures; off: neither asked nor kept; refresh: made"
        " anew, and kept for others. Left out: exact for a job that always gets the same answer (temperature 0 or a"
        " seed), off for others.",
    )
    ttl_s: int | None = Field(
        default=None, ge=1, le=LONGEST_TTL_S, description="How old an answer may be; a day when left out."
    )


def mode_of(options: CacheOptions | None, *, kind: Kind, params: Mapping[str, Any]) -> str:
    """The mode that a job gets: what the request says, otherwise exact for a deterministic one; empty: none."""
    asked = options.mode if options is not None else None
    if asked is None:
        asked = "exact" if settings.CACHE and deterministic(kind=kind, params=params) else "off"
    return "" if asked == "off" or not settings.CACHE else asked


def deterministic(*, kind: Kind, params: Mapping[str, Any]) -> bool:
    """Does the same request get the same answer? Greedy, or sampled with a seed of the client's."""
    temperature = params.get("temperature")
    if temperature is None:
        temperature = kind.defaults.get("temperature")
    return temperature == 0 or params.get("seed") is not None

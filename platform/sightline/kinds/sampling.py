"""Parameters of a job that shape the generation, and what vLLM is told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from sightline.kinds.text import STORABLE

Stop = Annotated[str, Field(min_length=1, max_length=200), STORABLE]


class PixelBudget(BaseModel):
    """Bounds of the pixels an image is resized to before the model sees it; within the model's own."""

    model_config = ConfigDict(
        extra="forbid", strict=True, json_schema_extra={"examples": [{"max": 1_310_720}]}
    )

    min: int | None = Field(
        default=None, ge=1024, le=100_000_000, description="Fewest pixels, width × height."
    )
    max: int | None = Field(default=None, ge=1024, le=100_000_000, description="Most pixels, width × height.")

    @model_validator(mode="after")
    def _ordered(self) -> PixelBudget:
        if self.min is not None and self.max is not None and self.min > self.max:
            raise PydanticCustomError("pixel_budget", "min must not exceed max")
        return self


class SamplingParams(BaseModel):
    """What every kind accepts in `params`; a field left out or null takes the kind's default."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        allow_inf_nan=False,
        json_schema_extra={"examples": [{"max_tokens": 512, "temperature": 0}]},
    )

    max_tokens: int | None = Field(default=None, ge=1, le=262_144, description="Most tokens to generate.")
    temperature: float | None = Field(default=None, ge=0, le=2, description="0 is greedy.")
    top_p: float | None = Field(default=None, gt=0, le=1)
    top_k: int | None = Field(default=None, ge=-1, le=1_000_000, description="-1 or 0 considers all tokens.")
    min_p: float | None = Field(default=None, ge=0, le=1)
    seed: int | None = Field(default=None, ge=-(2**63), lt=2**63)
    stop: Stop | Annotated[list[Stop], Field(max_length=16)] | None = Field(
        default=None, description="Texts that end the generation."
    )
    repetition_penalty: float | None = Field(default=None, gt=0, le=2)
    presence_penalty: float | None = Field(default=None, ge=-2, le=2)
    frequency_penalty: float | None = Field(default=None, ge=-2, le=2)
    pixels: PixelBudget | None = Field(default=None, description="Pixel budget of each image.")


SAMPLING_FIELDS = frozenset(SamplingParams.model_fields) - {"pixels"}


def sampling(params: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """vLLM's sampling fields: the kind's defaults under what `params` sets. `pixels` is not one of them."""
    given = {name: value for name, value in params.items() if name in SAMPLING_FIELDS and value is not None}
    return {**defaults, **given}

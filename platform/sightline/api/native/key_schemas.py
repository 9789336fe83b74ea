"""API keys and quotas as the API takes and shows them."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from sightline.api.native.schemas import Shown
from sightline.kinds.registry import KINDS
from sightline.kinds.text import STORABLE
from sightline.tenants.keys import OVERLAP_S, SCOPES

Scope = Literal[tuple(sorted(SCOPES))]  # type: ignore[valid-type]
KindName = Literal[tuple(KINDS)]  # type: ignore[valid-type]
Tag = Annotated[str, Field(min_length=1, max_length=63), STORABLE]
LONGEST_S = 10 * 366 * 86_400


class NewKey(BaseModel):
    """A key that is to be made."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: Annotated[str, Field(min_length=1, max_length=100), STORABLE]
    kinds: list[KindName] = Field(  # type: ignore[valid-type]
        default_factory=list, max_length=len(KINDS), description="Empty: all."
    )
    models: list[Tag] = Field(default_factory=list, max_length=50, description="Model tags; empty: all.")
    scopes: list[Scope] = Field(  # type: ignore[valid-type]
        default_factory=list, max_length=len(SCOPES), description="Empty: submit and read."
    )
    expires_in_s: int | None = Field(default=None, ge=1, le=LONGEST_S, description="Left out: never.")


class Rotation(BaseModel):
    """How a key is rotated."""

    model_config = ConfigDict(extra="forbid", strict=True)

    overlap_s: int = Field(
        default=int(OVERLAP_S), ge=0, le=LONGEST_S, description="How long the old key goes on working."
    )


class KeyView(Shown):
    """A key without its text, which is not kept."""

    id: str = Field(pattern=r"^key_[0-9A-HJKMNP-TV-Z]{26}$")
    object: Literal["api_key"]
    name: str
    prefix: str = Field(description="How its text begins.")
    tenant: str
    kinds: list[str] = Field(description="Empty: all.")
    models: list[str] = Field(description="Empty: all.")
    scopes: list[str]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None = Field(description="To the minute.")
    replaces: str | None = Field(description="The key that this one was made from by rotation.")


class KeyWithText(KeyView):
    """A key that was just made."""

    key: str = Field(description="sl_…, shown only now.")


class KeyList(Shown):
    """All keys of the tenant, newest first."""

    object: Literal["list"]
    data: list[KeyView]


class QuotaView(Shown):
    """One quota and how much of it is used."""

    object: Literal["quota"]
    name: str = Field(description="As in the RateLimit headers: ocr-per-minute.")
    kind: KindName  # type: ignore[valid-type]
    limit: int
    used: int
    remaining: int
    unit: str
    window_s: int | None = Field(description="null: bounds what is there at once.")
    resets_in_s: float | None


class QuotaList(Shown):
    """The quotas that are set for the tenant."""

    object: Literal["list"]
    data: list[QuotaView]

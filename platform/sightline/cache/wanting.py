"""From a validated request to what is looked for."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.conf import settings
from pydantic import BaseModel

from sightline.cache import keys, revisions
from sightline.cache.values import Picture, Wanted
from sightline.kinds.contract import Kind
from sightline.media.models import Media
from sightline.tenants.models import Tenant


def wanted(
    *,
    tenant: Tenant,
    kind: Kind,
    inputs: BaseModel,
    params: Mapping[str, Any],
    media: Sequence[Media],
    model: str,
    mode: str,
    ttl_s: int | None,
) -> Wanted | None:
    """What a job looks for; None when it asks no cache, or nobody knows which model would answer.

    `params` are the validated parameters as JSON without what was not set, `media` the images in prompt order.
    """
    revision = revisions.current(model) if mode else ""
    if not revision:
        return None
    scope = scope_of(tenant)
    pictures = tuple(
        Picture(pixel_sha256=row.pixel_sha256, width=row.stored_width, height=row.stored_height)
        for row in media
    )
    request: dict[str, Any] = {
        "kind": kind,
        "inputs": inputs,
        "params": params,
        "pictures": pictures,
        "model": model,
        "revision": revision,
        "scope": scope,
    }
    key = keys.key(**request)
    return Wanted(
        key=key,
        prompt_key=keys.prompt_key(**request) if mode == "near" else key,
        scope=scope,
        kind=kind.name,
        model=model,
        mode=mode,
        ttl_s=ttl_s or settings.CACHE_TTL_S,
        pictures=pictures,
        media=tuple(row.pk for row in media),
    )


def scope_of(tenant: Tenant) -> str:
    """Whose answers a tenant gets: its own, or those of its group."""
    return f"group:{tenant.cache_group}" if tenant.cache_group else f"tenant:{tenant.pk.hex}"

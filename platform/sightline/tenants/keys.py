"""Making, checking and revoking API keys."""

import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models.functions import Now

from sightline import clock
from sightline.audit import services as audit
from sightline.database import statements
from sightline.errors import Conflict, Problem
from sightline.tenants.models import ApiKey, Tenant

PREFIX = "sl_"
DEFAULT_SCOPES = frozenset({"submit", "read"})
SCOPES = DEFAULT_SCOPES | {"admin"}
OVERLAP_S = 86_400.0
"""How long a key goes on working after its rotation."""
SYSTEM = "system"
"""Who makes a key that no person asked for, such as this machine's own."""
_LAST_USED_RESOLUTION = timedelta(minutes=1)


class NotAuthenticated(Problem):
    code, status = "not_authenticated", 401


def digest(key: str) -> str:
    """The form in which a key is stored. A key has 256 random bits, so a plain SHA-256 resists guessing."""
    return hashlib.sha256(key.encode()).hexdigest()


def create(
    *,
    tenant: str,
    name: str,
    kinds: Sequence[str] = (),
    model_tags: Sequence[str] = (),
    scopes: Sequence[str] = (),
    expires_at: datetime | None = None,
    actor: str = SYSTEM,
) -> tuple[ApiKey, str]:
    """A new key of the tenant with that name (made when missing), and its text, which is shown only now."""
    with transaction.atomic():
        owner, _ = Tenant.objects.get_or_create(name=tenant)
        row, text = _make(
            tenant=owner,
            name=name,
            kinds=list(kinds),
            model_tags=list(model_tags),
            scopes=list(scopes),
            expires_at=expires_at,
        )
        audit.write(actor=actor, action="key.create", subject=str(row), after=_rights(row))
    return row, text


def rotate(*, key: ApiKey, overlap_s: float = OVERLAP_S, actor: str = SYSTEM) -> tuple[ApiKey, str]:
    """A new key with the rights of this one, and its text. Both work until the overlap ends, then only the new one.

    `Conflict` for a key that is revoked or expired, or that was rotated before and still works.
    """
    with transaction.atomic():
        row = ApiKey.objects.select_for_update().get(pk=key.pk)
        now = clock.now()
        if row.revoked_at is not None or (row.expires_at is not None and row.expires_at <= now):
            raise Conflict("This key does not work any more. Create a new one.")
        if ApiKey.objects.filter(replaces=row, revoked_at=None).exists():
            raise Conflict("This key was rotated before. Rotate the key that replaced it.")
        made, text = _make(
            tenant=row.tenant,
            name=row.name,
            kinds=row.kinds,
            model_tags=row.model_tags,
            scopes=row.scopes,
            expires_at=row.expires_at,
            replaces=row,
        )
        ends = now + timedelta(seconds=overlap_s)
        if row.expires_at is None or ends < row.expires_at:
            ApiKey.objects.filter(pk=row.pk).update(expires_at=ends)
        key.refresh_from_db()
        audit.write(
            actor=actor,
            action="key.rotate",
            subject=str(row),
            before={"expires_at": _moment(row.expires_at)},
            after={"expires_at": _moment(key.expires_at), "replaced_by": str(made)},
        )
    return made, text


def _make(**rights: Any) -> tuple[ApiKey, str]:
    text = PREFIX + secrets.token_urlsafe(32)
    return ApiKey.objects.create(prefix=text[:10], sha256=digest(text), **rights), text


def _rights(row: ApiKey) -> dict[str, Any]:
    """What a key may, for the record; nothing of its text but the beginning that everybody sees."""
    return {
        "tenant": row.tenant.name,
        "kinds": row.kinds,
        "models": row.model_tags,
        "scopes": sorted(row.scopes or DEFAULT_SCOPES),
        "expires_at": _moment(row.expires_at),
    }


def _moment(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat(timespec="seconds")


def authenticate(*, text: str) -> ApiKey:
    """The living key behind a bearer token, its tenant loaded; one query. `NotAuthenticated` otherwise."""
    row: Any = statements.first(ApiKey, related="tenant", now=True, sha256=digest(text))
    if row is None:
        raise NotAuthenticated("This API key is not known. Create one with `sightline keys create NAME`.")
    now = row.now  # the database's: hosts disagree
    if row.revoked_at is not None:
        raise NotAuthenticated("This API key was revoked.")
    if row.expires_at is not None and row.expires_at <= now:
        raise NotAuthenticated("This API key has expired.")
    # Once a minute is exact enough for people, and keeps a write off the path of every request.
    if row.last_used_at is None or now - row.last_used_at > _LAST_USED_RESOLUTION:
        ApiKey.objects.filter(pk=row.pk).update(last_used_at=Now())
    key: ApiKey = row
    return key


def revoke(*, key: ApiKey, actor: str = SYSTEM) -> None:
    """From the next request on the key is refused. Harmless for one that is already."""
    with transaction.atomic():
        if ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=Now()):
            audit.write(
                actor=actor,
                action="key.revoke",
                subject=str(key),
                before={"revoked": False},
                after={"revoked": True},
            )


def allows(key: ApiKey, scope: str) -> bool:
    return scope in (set(key.scopes) or DEFAULT_SCOPES)

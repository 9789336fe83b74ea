"""Making, checking and revoking API keys."""

import hashlib
import secrets
from datetime import datetime, timedelta
from typing import Any

from django.db.models.functions import Now

from sightline.database import statements
from sightline.errors import Problem
from sightline.tenants.models import ApiKey, Tenant

PREFIX = "sl_"
DEFAULT_SCOPES = frozenset({"submit", "read"})
SCOPES = DEFAULT_SCOPES | {"admin"}
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
    kinds: tuple[str, ...] = (),
    scopes: tuple[str, ...] = (),
    expires_at: datetime | None = None,
) -> tuple[ApiKey, str]:
    """A new key of the tenant with that name (made when missing), and its text, which is shown only now."""
    owner, _ = Tenant.objects.get_or_create(name=tenant)
    text = PREFIX + secrets.token_urlsafe(32)
    row = ApiKey.objects.create(
        tenant=owner,
        name=name,
        prefix=text[:10],
        sha256=digest(text),
        kinds=list(kinds),
        scopes=list(scopes),
        expires_at=expires_at,
    )
    return row, text


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


def revoke(*, key: ApiKey) -> None:
    """From the next request on the key is refused."""
    ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=Now())


def allows(key: ApiKey, scope: str) -> bool:
    return scope in (set(key.scopes) or DEFAULT_SCOPES)

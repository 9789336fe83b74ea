"""Bearer keys: who is asking."""

from dataclasses import dataclass, field

from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from sightline.jobs.counters import State
from sightline.tenants import keys
from sightline.tenants.keys import NotAuthenticated
from sightline.tenants.models import ApiKey, Tenant


@dataclass(frozen=True, kw_only=True)
class Sender:
    """For whom a job is accepted."""

    tenant: Tenant
    key: ApiKey | None
    """None: an operator in the admin, whom no key restricts. The tenant's quotas hold all the same."""
    operator: str = ""
    """Who it is then, as events name them."""
    states: list[State] = field(default_factory=list)
    """Where the quotas stand that this request was counted in."""

    @property
    def actor(self) -> str:
        """How events and the audit name who asked."""
        return f"key:{self.key.prefix}" if self.key is not None else self.operator


@dataclass(frozen=True, kw_only=True)
class Principal(Sender):
    """Who sent a request to the API."""

    key: ApiKey
    is_authenticated: bool = True
    """What Django's permission classes look at."""


class ApiKeyAuthentication(BaseAuthentication):
    """`Authorization: Bearer sl_…`. One query; nothing is said about why a key is unknown."""

    def authenticate(self, request: Request) -> tuple[Principal, ApiKey] | None:
        header = request.META.get("HTTP_AUTHORIZATION", "")
        if not header:
            return None
        scheme, _, text = header.partition(" ")
        text = text.strip()
        if scheme.lower() != "bearer" or not text or len(text) > 200 or not text.isascii():
            raise NotAuthenticated("Send the key as `Authorization: Bearer sl_…`.")
        key = keys.authenticate(text=text)
        return Principal(key=key, tenant=key.tenant), key

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="sightline"'

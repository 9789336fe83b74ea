"""Whose jobs the playground's are: a tenant of its own, so that no customer's quota pays for them."""

from django.conf import settings

from sightline.tenants.models import Tenant

QUOTAS = {"*": {"in_flight": 32, "per_minute": 120}}
"""What it may use at first; changed as for every tenant."""


def tenant() -> Tenant:
    """Made when it is first needed."""
    return Tenant.objects.get_or_create(name=settings.PLAYGROUND_TENANT, defaults={"quotas": QUOTAS})[0]

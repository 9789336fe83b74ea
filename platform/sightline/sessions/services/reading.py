"""Find the sessions of a tenant."""

from django.db.models import QuerySet

from sightline import ids
from sightline.sessions.models import Session
from sightline.tenants.models import Tenant


def of(*, tenant: Tenant) -> QuerySet[Session]:
    """Those that were not erased, newest first."""
    return Session.objects.filter(tenant=tenant, erased_at=None).order_by("-id")


def find(*, tenant: Tenant, public_id: str, erased: bool = False) -> Session | None:
    """The tenant's session of that id; None for what is not there, another tenant's, and one that was erased.

    With `erased` the tombstone counts as well.
    """
    try:
        key = ids.decode(ids.SESSION, public_id)
    except ids.InvalidId:
        return None
    rows = Session.objects.filter(tenant=tenant) if erased else of(tenant=tenant)
    return rows.filter(pk=key).first()

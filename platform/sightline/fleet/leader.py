"""One leader among many: a lease row, held by whoever moved it last and taken over when it lapses."""

from django.db import IntegrityError, transaction

from sightline.clock import After
from sightline.fleet.models import Leader


def lead(*, name: str, holder: str, lease_s: float) -> bool:
    """Take or keep the lead for `lease_s` seconds by the database's clock; False: somebody else leads."""
    kept = Leader.objects.filter(name=name, holder=holder).update(lease_until=After(lease_s))
    if kept:
        return True
    if Leader.objects.filter(name=name, lease_until__lt=After()).update(
        holder=holder, lease_until=After(lease_s)
    ):
        return True
    if Leader.objects.filter(name=name).exists():
        return False
    try:
        with transaction.atomic():
            Leader.objects.create(name=name, holder=holder, lease_until=After(lease_s))
    except IntegrityError:
        return False
    return True


def resign(*, name: str, holder: str) -> None:
    """Give the lead up, so that the next one need not wait for the lease."""
    Leader.objects.filter(name=name, holder=holder).update(lease_until=After(-1))

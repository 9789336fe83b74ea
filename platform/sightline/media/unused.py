"""Images that nothing refers to: whoever has a foreign key to an image keeps it."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from sightline.clock import After
from sightline.media.models import Media
from sightline.media.services import erase

LOOKED_AT = 2_000
"""Rows that one look for unused images reads at most."""


def unused() -> QuerySet[Media]:
    """Images without a row, in whatever table, that refers to them."""
    rows = Media.objects.all()
    for relation in Media._meta.related_objects:
        name = relation.field.attname
        rows = rows.filter(~Exists(relation.related_model._default_manager.filter(**{name: OuterRef("pk")})))
    return rows


def erase_unused(*, media: Collection[UUID]) -> int:
    """Erase those of these images that nobody refers to any more; how many.

    One by one, each under a lock: a submission that names the image either has its link before the look, or finds
    the image gone (`jobs.services.links`).
    """
    return sum(_erase(pk) for pk in sorted(media))


class Rounds:
    """Looks through all images, again and again, for those that are forgotten: unused for long, and unreferenced."""

    def __init__(self, *, unused_s: float) -> None:
        self._unused_s = unused_s
        self._after: tuple[datetime, UUID] | None = None

    def look(self) -> int:
        """Erase the forgotten ones among the next `LOOKED_AT` images in the order of their last use; how many."""
        old = Media.objects.filter(last_used_at__lt=After(-self._unused_s)).order_by("last_used_at", "pk")
        if self._after is not None:
            used, pk = self._after
            old = old.filter(Q(last_used_at__gt=used) | Q(last_used_at=used, pk__gt=pk))
        seen = list(old.values_list("last_used_at", "pk")[:LOOKED_AT])
        self._after = seen[-1] if len(seen) == LOOKED_AT else None
        free = unused().filter(pk__in=[pk for _, pk in seen]).values_list("pk", flat=True)
        return erase_unused(media=list(free))


def _erase(pk: UUID) -> bool:
    with transaction.atomic():
        rows = Media.objects.filter(pk=pk)
        if connection.vendor == "postgresql":
            rows = rows.select_for_update()
        row = rows.first()
        # A second statement: it sees the links of those whom the lock waited for.
        return row is not None and unused().filter(pk=pk).exists() and erase(media=row)

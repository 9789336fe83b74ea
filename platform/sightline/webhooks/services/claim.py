"""Take the next due delivery: one statement picks and marks it, so that nobody else can have it meanwhile."""

from dataclasses import dataclass
from uuid import UUID

from django.db import connection, transaction

from sightline import clock
from sightline.webhooks.models import Delivery

LEASE_S = 60.0
"""How long a worker may take over an attempt: the time-out of the request, and a patient database."""
MOST_AT_ONCE = 4
"""Requests to one endpoint at a time, so that one that never answers does not take every thread."""

# Twice the marks of a queue: due rows, and endpoints with as many requests as they may have.
_DUE = (
    "state IN ('pending', 'sending') AND due_at <= {now} AND endpoint_id NOT IN (SELECT endpoint_id"
    " FROM webhooks_delivery WHERE state = 'sending' AND due_at > {now} GROUP BY endpoint_id"
    " HAVING COUNT(*) >= {most})"
)


@dataclass(frozen=True, kw_only=True)
class Parcel:
    """A delivery in a worker's hands, with the token that lets it write."""

    delivery: Delivery
    """With its endpoint loaded."""
    fence: int


def claim() -> Parcel | None:
    """The delivery that has been due the longest, leased for a minute; None when none is due.

    One whose worker died is due again when its lease ends: a receiver may get a message twice, under one id.
    """
    now = clock.after_sql()
    lock = " FOR UPDATE SKIP LOCKED" if connection.vendor == "postgresql" else ""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE webhooks_delivery SET state = 'sending', fence = fence + 1, due_at = {now}"  # noqa: S608
            f" WHERE id = (SELECT id FROM webhooks_delivery WHERE {_DUE.format(now=now, most=MOST_AT_ONCE)}"
            f" ORDER BY due_at LIMIT 1{lock}) RETURNING id, fence",
            [clock.after_param(LEASE_S), clock.after_param(), clock.after_param()],
        )
        rows = cursor.fetchall()
    if not rows:
        return None
    pk, fence = rows[0]
    delivery = Delivery.objects.select_related("endpoint").get(pk=pk if isinstance(pk, UUID) else UUID(pk))
    return Parcel(delivery=delivery, fence=fence)


def due(*, most: int) -> int:
    """Deliveries that could be claimed now, counted up to `most`."""
    now = clock.after_sql()
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT COUNT(*) FROM (SELECT 1 FROM webhooks_delivery WHERE {_DUE.format(now=now, most=MOST_AT_ONCE)}"  # noqa: S608
            " LIMIT %s) AS capped",
            [clock.after_param(), clock.after_param(), most],
        )
        return int(cursor.fetchone()[0])

"""Tokens by tenant, kind and day, where a quota bounds them; written with the result that used them."""

from collections.abc import Mapping

from django.db import connection

from sightline.jobs.claims import Claim
from sightline.tenants.models import TokenUse


def add(*, claim: Claim, tokens: Mapping[str, int]) -> None:
    """Count what an attempt used, input and output, on today's page (UTC, the database's clock)."""
    sqlite = connection.vendor == "sqlite"
    today = "date('now')" if sqlite else "(statement_timestamp() AT TIME ZONE 'UTC')::date"
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {TokenUse._meta.db_table} (tenant_id, kind, day, tokens)"  # noqa: S608
            f" VALUES (%s, %s, {today}, %s) ON CONFLICT (tenant_id, kind, day)"
            f" DO UPDATE SET tokens = {TokenUse._meta.db_table}.tokens + excluded.tokens",
            [
                claim.tenant_id.hex if sqlite else str(claim.tenant_id),
                claim.queue.partition(".")[0],
                tokens.get("input_tokens", 0) + tokens.get("output_tokens", 0),
            ],
        )

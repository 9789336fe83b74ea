"""OpenAI's lists: `limit`, `order`, `after`, and what they answer."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sightline.api.native.listing import refuse_query

Json = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Page:
    """Which part of a list is asked for."""

    limit: int
    order: str
    """asc or desc."""
    after: str | None
    """The id of the last item of the page before."""

    def listed(self, items: list[Json]) -> Json:
        """The page, out of its items and at least one more where there are more."""
        shown = items[: self.limit]
        return {
            "object": "list",
            "data": shown,
            "first_id": shown[0]["id"] if shown else None,
            "last_id": shown[-1]["id"] if shown else None,
            "has_more": len(items) > self.limit,
        }


def read_page(
    query: Mapping[str, str], *, default: int, most: int, order: str, known: tuple[str, ...] = ()
) -> Page:
    """The page of a query; 400 for what makes no sense, and for parameters that are not there."""
    names = ("limit", "order", "after", "include", "include[]", *known)
    unknown = next((name for name in query if name not in names), None)
    if unknown is not None:
        raise refuse_query(unknown, "There is no parameter of this name here.", "unknown_field")
    limit = query.get("limit", str(default))
    if not re.fullmatch(r"[1-9]\d{0,5}", limit) or int(limit) > most:
        raise refuse_query("limit", f"limit is a whole number from 1 to {most}.")
    chosen = query.get("order", order)
    if chosen not in ("asc", "desc"):
        raise refuse_query("order", "order is asc or desc.")
    return Page(limit=int(limit), order=chosen, after=query.get("after"))

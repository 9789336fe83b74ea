"""A list that pages by key: no count, no offset, so that page one of a million rows costs what page one of ten does.

`?before=<key>` shows the rows older than a key, `?after=<key>` those newer. The key is the primary key, which for
jobs is sortable by time.
"""

from typing import Any

from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.views import ChangeList

BEFORE, AFTER = "before", "after"


class KeysetPaginator(Paginator):  # type: ignore[type-arg]
    """Tells unfold which template links the pages; it counts nothing."""

    template_name = "sightline_dashboard/keyset.html"
    count = 0
    num_pages = 1


class KeysetChangeList(ChangeList):  # type: ignore[misc]
    """Newest first, always: sorting by anything else would read the table."""

    older: str | None = None
    newer: str | None = None

    def get_filters_params(self, params: dict[str, Any] | None = None) -> dict[str, Any]:
        lookups: dict[str, Any] = super().get_filters_params(params)
        for name in (BEFORE, AFTER):
            lookups.pop(name, None)
        return lookups

    def get_query_string(
        self, new_params: dict[str, Any] | None = None, remove: list[str] | None = None
    ) -> str:
        """A link that filters starts on the first page again."""
        query: str = super().get_query_string(new_params, [*(remove or []), BEFORE, AFTER])
        return query

    def get_ordering(self, request: HttpRequest, queryset: QuerySet[Any]) -> list[str]:
        return ["-pk"]

    def get_results(self, request: HttpRequest) -> None:
        rows, newer, older = self._page(request)
        self.result_list = rows
        # Equal, or the header would offer to "show all".
        self.result_count = self.full_result_count = len(rows)
        self.show_full_result_count = False
        self.show_admin_actions = bool(rows)
        self.can_show_all = self.multi_page = False
        self.paginator = KeysetPaginator(rows, self.list_per_page)
        if newer:
            self.newer = self.get_query_string({AFTER: rows[0].pk})
        if older:
            self.older = self.get_query_string({BEFORE: rows[-1].pk})

    def _page(self, request: HttpRequest) -> tuple[list[Any], bool, bool]:
        """(the rows newest first, are there newer ones, are there older ones). One row more than shown tells."""
        size = self.list_per_page
        before, after = self._key(request, BEFORE), self._key(request, AFTER)
        if after is not None:
            rows = list(self.queryset.filter(pk__gt=after).order_by("pk")[: size + 1])
            more = len(rows) > size
            return rows[:size][::-1], more, True
        queryset = self.queryset if before is None else self.queryset.filter(pk__lt=before)
        rows = list(queryset[: size + 1])
        return rows[:size], before is not None and bool(rows), len(rows) > size

    def _key(self, request: HttpRequest, name: str) -> Any:
        text = request.GET.get(name)
        if not text:
            return None
        try:
            return self.model._meta.pk.to_python(text)
        except ValidationError:
            return None  # a mangled link shows the first page

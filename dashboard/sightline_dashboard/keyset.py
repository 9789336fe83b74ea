"""A list that pages by key: no count, no offset, so that page one of a million rows costs what page one of ten does.

`?before=<key>` shows the rows older than a key, `?after=<key>` those newer; `?oldest=1` turns the list round. The key
is the primary key, which for jobs is sortable by time.
"""

from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.views import ChangeList

BEFORE, AFTER, OLDEST = "before", "after", "oldest"


class KeysetPaginator(Paginator):  # type: ignore[type-arg]
    """Tells unfold which template links the pages; it counts nothing."""

    template_name = "sightline_dashboard/keyset.html"
    count = 0
    num_pages = 1


class KeysetChangeList(ChangeList):  # type: ignore[misc]
    """By key, always: sorting by anything else would read the table."""

    own_params: ClassVar[tuple[str, ...]] = (BEFORE, AFTER, OLDEST)
    """Parameters of the address that are no filters."""
    older: str | None = None
    newer: str | None = None

    def __init__(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        self.oldest_first = request.GET.get(OLDEST) == "1"
        super().__init__(request, *args, **kwargs)
        for name in (BEFORE, AFTER):  # a new search starts on its first page
            self.filter_params.pop(name, None)

    def get_filters_params(self, params: dict[str, Any] | None = None) -> dict[str, Any]:
        lookups: dict[str, Any] = super().get_filters_params(params)
        for name in self.own_params:
            lookups.pop(name, None)
        return lookups

    def get_query_string(
        self, new_params: dict[str, Any] | None = None, remove: list[str] | None = None
    ) -> str:
        """A link that filters starts on the first page again."""
        query: str = super().get_query_string(new_params, [*(remove or []), BEFORE, AFTER])
        return query

    def get_ordering(self, request: HttpRequest, queryset: QuerySet[Any]) -> list[str]:
        return ["pk" if self.oldest_first else "-pk"]

    def get_results(self, request: HttpRequest) -> None:
        rows, earlier, later = self._page(request)
        self.result_list = rows
        # Equal, or the header would offer to "show all".
        self.result_count = self.full_result_count = len(rows)
        self.show_full_result_count = False
        self.show_admin_actions = bool(rows)
        self.can_show_all = self.multi_page = False
        self.paginator = KeysetPaginator(rows, self.list_per_page)
        older, newer = (earlier, later) if self.oldest_first else (later, earlier)
        if newer:
            self.newer = self.get_query_string({AFTER: rows[-1 if self.oldest_first else 0].pk})
        if older:
            self.older = self.get_query_string({BEFORE: rows[0 if self.oldest_first else -1].pk})

    def _page(self, request: HttpRequest) -> tuple[list[Any], bool, bool]:
        """(the rows, are there any above them, are there any below). One row more than shown tells."""
        size = self.list_per_page
        before, after = self._key(request, BEFORE), self._key(request, AFTER)
        down, up = (after, before) if self.oldest_first else (before, after)
        below, above = ("gt", "lt") if self.oldest_first else ("lt", "gt")
        if up is not None:
            turned = "-pk" if self.oldest_first else "pk"
            rows = list(self.queryset.filter(**{f"pk__{above}": up}).order_by(turned)[: size + 1])
            more = len(rows) > size
            return rows[:size][::-1], more, bool(rows)
        queryset = self.queryset if down is None else self.queryset.filter(**{f"pk__{below}": down})
        rows = list(queryset[: size + 1])
        return rows[:size], down is not None and bool(rows), len(rows) > size

    def _key(self, request: HttpRequest, name: str) -> Any:
        text = request.GET.get(name)
        if not text:
            return None
        try:
            return self.model._meta.pk.to_python(text)
        except ValidationError:
            return None  # a mangled link shows the first page

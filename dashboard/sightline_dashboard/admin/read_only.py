"""Rows that people look at. What may be done to them is done by services, through actions of their own."""

from typing import Any, ClassVar

from django.db.models import Model
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from unfold.admin import ModelAdmin

from sightline_dashboard import navigation
from sightline_dashboard.keyset import KeysetChangeList


class NamedList(ModelAdmin):  # type: ignore[misc]
    """Its list is called what the side bar calls it, not "Select job to view"."""

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        plural = str(self.opts.verbose_name_plural).capitalize()
        title = navigation.names().get(request.path, plural)
        shown: HttpResponse = super().changelist_view(request, {"title": title, **(extra_context or {})})
        return shown


class ReadOnlyAdmin(NamedList):
    """No add, no change, no delete."""

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_operate_permission(self, request: HttpRequest) -> bool:
        """May this person act on the rows? Django's change permission of the model says so."""
        return request.user.has_perm(f"{self.opts.app_label}.change_{self.opts.model_name}")


class HistoryAdmin(ReadOnlyAdmin):
    """A table that only grows: paged by key, never counted, newest first."""

    list_per_page = 50
    show_full_result_count = False
    list_disable_select_all = True
    sortable_by: ClassVar[tuple[str, ...]] = ()

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[KeysetChangeList]:
        return KeysetChangeList


def only_post(request: HttpRequest) -> HttpResponse | None:
    """A link, a prefetch or an image must never operate anything: the refusal of every method but POST."""
    return None if request.method == "POST" else HttpResponseNotAllowed(["POST"])


def actor(request: HttpRequest) -> str:
    """Who did it, as it is kept with the event."""
    return f"admin:{request.user.get_username()}"


def reason(request: HttpRequest) -> str:
    """Why they did it, for the audit's record; empty where nobody asked or said."""
    return request.POST.get("reason", "").strip()[:500]

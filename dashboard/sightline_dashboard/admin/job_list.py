"""The list of jobs: search with suggestions, columns and order, saved views, export. The address is the state."""

from typing import Any, ClassVar
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import URLPattern, path, reverse
from django.utils.functional import cached_property
from django.utils.http import urlencode

from sightline import exports
from sightline.api.native import export
from sightline.audit import services as audit
from sightline.errors import InvalidInput, Problem
from sightline.jobs.models import Job
from sightline.triage import search, suggestions, views
from sightline.triage.models import SavedView
from sightline_dashboard.admin import job_columns
from sightline_dashboard.admin.job_columns import JobColumns
from sightline_dashboard.admin.job_filters import KindFilter, ModelFilter
from sightline_dashboard.admin.read_only import HistoryAdmin, actor, only_post
from sightline_dashboard.keyset import KeysetChangeList

VIEW, COLUMNS = "view", "columns"
_FILTERS = {"status__exact": "status", "kind": "kind", "model": "model"}
_SHARE = "triage.change_savedview"


class JobChangeList(KeysetChangeList):
    """Links by the public id, which is what people have at hand."""

    own_params = (*KeysetChangeList.own_params, VIEW, COLUMNS)

    def __init__(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        self.user: Any = request.user
        self.view_key = request.GET.get(VIEW, "")
        super().__init__(request, *args, **kwargs)

    @property
    def words(self) -> str:
        """What the list shows as one search, for an act on all of it; empty for the whole table."""
        filters = (f"{name}:{self.params[key]}" for key, name in _FILTERS.items() if self.params.get(key))
        return " ".join([self.query, *filters]).strip()

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(name for name in self.list_display if name in job_columns.COLUMNS)

    @property
    def choices(self) -> list[tuple[str, str, bool]]:
        """(name, words, is it shown) of each column."""
        return [(name, words, name in self.columns) for name, words in job_columns.COLUMNS.items()]

    @property
    def usual_columns(self) -> bool:
        return self.columns == job_columns.USUAL

    @cached_property
    def views(self) -> list[SavedView]:
        """Those that this person may use, each with its address; the one that is shown is marked."""
        found = list(views.visible(owner=self.user))
        for view in found:
            view.address = address(view)  # type: ignore[attr-defined]
            view.current = str(view.pk) == self.view_key  # type: ignore[attr-defined]
        return found

    @property
    def view(self) -> SavedView | None:
        return next((view for view in self.views if view.current), None)  # type: ignore[attr-defined]

    @property
    def may_share(self) -> bool:
        return bool(self.user.has_perm(_SHARE))

    @property
    def may_delete_view(self) -> bool:
        return self.view is not None and (self.view.owner_id == self.user.pk or self.may_share)

    def url_for_result(self, result: Job) -> str:
        return reverse("admin:jobs_job_change", args=[result.public_id])


def address(view: SavedView) -> str:
    """The list as the view has it."""
    query = {
        "q": view.search,
        COLUMNS: ",".join(view.columns),
        "oldest": "1" if view.oldest_first else "",
        VIEW: str(view.pk),
    }
    return f"{reverse('admin:jobs_job_changelist')}?{urlencode({name: text for name, text in query.items() if text})}"


class JobListAdmin(JobColumns, HistoryAdmin):
    """What the job admin shows before a job is opened."""

    list_display = job_columns.USUAL
    list_display_links = (job_columns.ALWAYS,)
    list_filter = ("status", KindFilter, ModelFilter)
    list_select_related = ("tenant",)
    search_fields = ("pk",)  # makes the search box appear; `get_search_results` reads it
    search_help_text = 'status:failed error:"…" tenant:…'
    list_before_template = "sightline_dashboard/job/list_before.html"

    class Media:
        js: ClassVar[tuple[str, ...]] = ("sightline_dashboard/search.js",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Job]:
        # The list must not drag the pages' text of fifty documents along.
        queryset: QuerySet[Job] = super().get_queryset(request)
        return queryset.defer("input", "output", "params", "metadata", "usage")

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[KeysetChangeList]:
        return JobChangeList

    def get_list_display(self, request: HttpRequest) -> tuple[str, ...]:
        return job_columns.chosen(request.GET.getlist(COLUMNS))

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Job], search_term: str
    ) -> tuple[QuerySet[Job], bool]:
        try:
            return queryset.filter(search.condition(search_term)), False
        except InvalidInput as refusal:
            messages.error(request, refusal.detail)
            return queryset.none(), False

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("suggest/", view(self.suggest_view), name="jobs_job_suggest"),
            path("export/", view(self.export_view), name="jobs_job_export"),
            path("views/save/", view(self.save_view), name="jobs_job_save_view"),
            path("views/<uuid:key>/delete/", view(self.delete_saved_view), name="jobs_job_delete_view"),
            *super().get_urls(),
        ]

    def suggest_view(self, request: HttpRequest) -> HttpResponse:
        """`{suggestions: [{text, about}]}` for the search up to the cursor."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        found = suggestions.suggest(request.GET.get("q", ""))
        return JsonResponse({"suggestions": [{"text": one.text, "about": one.about} for one in found]})

    def export_view(self, request: HttpRequest) -> HttpResponse:
        """All jobs that the search finds, as a file that is sent while it is read."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        words, format = request.GET.get("q", ""), request.GET.get("format", "csv")
        if format not in exports.FORMATS:
            raise Http404
        try:
            jobs = Job.objects.filter(search.condition(words))
        except InvalidInput as refusal:
            messages.error(request, refusal.detail)
            return HttpResponseRedirect(reverse("admin:jobs_job_changelist"))
        audit.write(actor=actor(request), action="jobs.export", subject=f"jobs.{format}", selection=words)
        response: HttpResponse = export.streamed(
            export.lines(jobs, format=format, operator=True), format=format
        )
        return response

    def save_view(self, request: HttpRequest) -> HttpResponse:
        """Give the list that is shown a name."""
        if refusal := only_post(request):
            return refusal
        shared = request.POST.get("shared") == "on"
        if not self.has_view_permission(request) or (shared and not request.user.has_perm(_SHARE)):
            raise PermissionDenied
        columns = request.POST.get(COLUMNS, "")
        try:
            view = views.save(
                owner=request.user,  # type: ignore[arg-type]
                actor=actor(request),
                name=request.POST.get("name", ""),
                search=request.POST.get("q", ""),
                columns=job_columns.chosen([columns]) if columns else (),
                oldest_first=request.POST.get("oldest") == "1",
                shared=shared,
            )
        except Problem as problem:
            messages.error(request, problem.detail)
            query = urlencode({"q": request.POST.get("q", "")})
            return HttpResponseRedirect(f"{reverse('admin:jobs_job_changelist')}?{query}")
        messages.success(request, f"Saved as {view.name}.")
        return HttpResponseRedirect(address(view))

    def delete_saved_view(self, request: HttpRequest, key: UUID) -> HttpResponse:
        if refusal := only_post(request):
            return refusal
        view = views.visible(owner=request.user).filter(pk=key).first()  # type: ignore[arg-type]
        if not self.has_view_permission(request) or (
            view is not None and view.owner_id != request.user.pk and not request.user.has_perm(_SHARE)
        ):
            raise PermissionDenied
        if view is None:
            raise Http404
        views.delete(view=view, actor=actor(request))
        messages.success(request, f"{view.name} is deleted.")
        return HttpResponseRedirect(reverse("admin:jobs_job_changelist"))

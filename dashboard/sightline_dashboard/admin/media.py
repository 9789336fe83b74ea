"""Stored images."""

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from sightline import ids
from sightline.media.models import Media
from sightline_dashboard.admin.read_only import HistoryAdmin
from sightline_dashboard.pictures import picture


@admin.register(Media)
class MediaAdmin(HistoryAdmin):
    list_display = ("name", "tenant", "filename", "mime", "size", "length", "created_at", "last_used_at")
    list_select_related = ("tenant",)
    search_fields = ("pk",)  # makes the search box appear; `get_search_results` reads it
    search_help_text = "up_… · a SHA-256 of the bytes or of the pixels"
    fields = (
        "shown",
        "name",
        "tenant",
        "filename",
        "mime",
        "size",
        "length",
        "sha256",
        "pixel_sha256",
        "file",
        "stored_mime",
        "stored_width",
        "stored_height",
        "created_at",
        "last_used_at",
    )

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Media], search_term: str
    ) -> tuple[QuerySet[Media], bool]:
        for word in search_term.split():
            try:
                queryset = queryset.filter(pk=ids.decode(ids.UPLOAD, word))
            except ids.InvalidId:
                queryset = queryset.filter(sha256=word) | queryset.filter(pixel_sha256=word)
        return queryset, False

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.file_view)
        return [path("<uuid:media_id>/file/", view, name="media_media_file"), *super().get_urls()]

    def file_view(self, request: HttpRequest, media_id: str) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        media = Media.objects.filter(pk=media_id).first()
        if media is None:
            raise Http404
        return picture(media)

    @admin.display(description="Image")
    def shown(self, media: Media) -> SafeString:
        return format_html(
            '<img class="sl-picture" src="{}" width="{}" height="{}" alt="{}">',
            reverse("admin:media_media_file", args=[media.pk]),
            media.stored_width,
            media.stored_height,
            media.filename or media.public_id,
        )

    @admin.display(description="Id")
    def name(self, media: Media) -> SafeString:
        return format_html('<code class="sl-id">{}</code>', media.public_id)

    @admin.display(description="Pixels")
    def size(self, media: Media) -> str:
        return f"{media.width} × {media.height}"

    @admin.display(description="Bytes")
    def length(self, media: Media) -> str:
        return f"{media.bytes / 1000:,.0f} kB"

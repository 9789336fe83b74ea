"""API keys: made here or by `sightline keys create`, shown once, revoked with one click."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.safestring import SafeString

from sightline.tenants import keys
from sightline.tenants.models import ApiKey
from sightline_dashboard import badges
from sightline_dashboard.admin.api_key_form import ApiKeyForm
from sightline_dashboard.admin.read_only import ReadOnlyAdmin, actor, only_post


@admin.register(ApiKey)
class ApiKeyAdmin(ReadOnlyAdmin):
    form = ApiKeyForm
    list_display = (
        "name",
        "prefix",
        "tenant",
        "state",
        "scopes",
        "kinds",
        "last_used_at",
        "expires_at",
        "created_at",
    )
    list_select_related = ("tenant",)
    search_fields = ("name", "prefix", "tenant__name")
    ordering = ("-created_at",)
    actions = ("revoke_selected",)
    add_fieldsets = ((None, {"fields": ("tenant", "name", "kinds", "scopes", "expires_at")}),)
    fields = (
        "name",
        "prefix",
        "tenant",
        "state",
        "kinds",
        "scopes",
        "created_at",
        "expires_at",
        "last_used_at",
        "revoked_at",
    )
    change_form_outer_before_template = "sightline_dashboard/revoke_key.html"

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("tenants.add_apikey")

    @admin.display(description="State")
    def state(self, key: ApiKey) -> SafeString:
        if key.revoked_at is not None:
            return badges.badge("cancelled", "Revoked")
        if key.expires_at is not None and key.expires_at <= timezone.now():
            return badges.badge("expired")
        return badges.badge("open", "Active")

    def get_readonly_fields(self, request: HttpRequest, obj: ApiKey | None = None) -> tuple[str, ...]:
        return self.fields if obj else ()

    # --- a new key ---
    def save_model(self, request: HttpRequest, obj: ApiKey, form: "ModelForm[ApiKey]", change: bool) -> None:
        asked = form.cleaned_data
        row, text = keys.create(
            tenant=asked["tenant"].name,
            name=asked["name"],
            kinds=tuple(asked["kinds"]),
            scopes=tuple(asked["scopes"]),
            expires_at=asked["expires_at"],
            actor=actor(request),
        )
        obj.__dict__.update(row.__dict__)
        # Held for the answer to this request alone: a message or a session would write it down somewhere.
        request.new_api_key = text  # type: ignore[attr-defined]

    def response_add(
        self, request: HttpRequest, obj: ApiKey, post_url_continue: str | None = None
    ) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": "New API key",
            "opts": self.opts,
            "key": obj,
            "text": request.new_api_key,  # type: ignore[attr-defined]
        }
        response = TemplateResponse(request, "sightline_dashboard/key_created.html", context)
        response["Cache-Control"] = "no-store"
        return response

    # --- revoking ---
    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.revoke_view)
        return [path("<uuid:key_id>/revoke/", view, name="tenants_apikey_revoke"), *super().get_urls()]

    def revoke_view(self, request: HttpRequest, key_id: Any) -> HttpResponse:
        if refusal := only_post(request):
            return refusal
        if not self.has_operate_permission(request):
            raise PermissionDenied
        key = ApiKey.objects.filter(pk=key_id).first()
        if key is None:
            raise Http404
        self._revoke(request, [key])
        return HttpResponseRedirect(reverse("admin:tenants_apikey_changelist"))

    @admin.action(description="Revoke", permissions=["operate"])
    def revoke_selected(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        self._revoke(request, list(queryset))

    def _revoke(self, request: HttpRequest, chosen: list[ApiKey]) -> None:
        for key in chosen:
            keys.revoke(key=key, actor=actor(request))
            self.log_change(request, key, "Revoked.")
        messages.success(request, f"Revoked: {', '.join(str(key) for key in chosen)}.")

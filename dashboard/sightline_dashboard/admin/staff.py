"""The people who may sign in here, in the theme's clothes. Who gave whom what stands in the audit."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, Permission, User
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from sightline.audit import services as audit
from sightline_dashboard.admin.read_only import NamedList, actor

admin.site.unregister(User)
admin.site.unregister(Group)


class OnRecord(admin.ModelAdmin):  # type: ignore[type-arg]
    """People and roles: what they may do is on record before and after."""

    word = ""
    """What the record calls them."""

    def rights(self, row: Any) -> dict[str, Any]:
        """Of a row that is stored."""
        return {"permissions": _names(row.permissions.all())}

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        stored = type(obj).objects.get(pk=obj.pk) if change else None
        request.rights_before = self.rights(stored) if stored else {}  # type: ignore[attr-defined]
        super().save_model(request, obj, form, change)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        before: dict[str, Any] = request.rights_before  # type: ignore[attr-defined]
        self._write(request, "change" if change else "create", form.instance, before)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        before, name = self.rights(obj), str(obj)
        super().delete_model(request, obj)
        audit.write(actor=actor(request), action=f"{self.word}.delete", subject=name, before=before)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        for row in queryset:
            self.delete_model(request, row)

    def _write(self, request: HttpRequest, act: str, row: Any, before: dict[str, Any]) -> None:
        after = self.rights(row)
        changed = {name: value for name, value in after.items() if before.get(name) != value}
        audit.write(
            actor=actor(request),
            action=f"{self.word}.{act}",
            subject=str(row),
            before={name: before[name] for name in changed if name in before},
            after=changed,
        )


@admin.register(User)
class StaffAdmin(OnRecord, DjangoUserAdmin, NamedList):  # type: ignore[type-arg]
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("username", "email", "is_staff", "is_superuser", "last_login")
    word = "staff"

    def rights(self, row: Any) -> dict[str, Any]:
        return {
            "active": row.is_active,
            "staff": row.is_staff,
            "superuser": row.is_superuser,
            "roles": sorted(row.groups.values_list("name", flat=True)),
            "permissions": _names(row.user_permissions.all()),
        }

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:
        """That it was changed is on record, and by whom; nothing of the password."""
        answer: HttpResponse = super().user_change_password(request, id, form_url)
        if request.method == "POST" and answer.status_code == 302:
            row = User.objects.get(pk=id)
            audit.write(actor=actor(request), action="staff.password", subject=str(row))
        return answer


@admin.register(Group)
class RoleAdmin(OnRecord, DjangoGroupAdmin, NamedList):
    word = "role"


def _names(permissions: QuerySet[Permission]) -> list[str]:
    rows = permissions.order_by().values_list("content_type__app_label", "codename")
    return sorted(f"{app}.{name}" for app, name in rows)

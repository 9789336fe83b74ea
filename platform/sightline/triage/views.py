"""Saved views: made, changed, deleted. Everybody has views of their own; sharing one is an operator's."""

from collections.abc import Sequence

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.db.models import Q, QuerySet

from sightline.audit import services as audit
from sightline.clock import After
from sightline.errors import Conflict, InvalidInput
from sightline.triage import search as searching
from sightline.triage.models import SavedView

MOST = 50
"""Views of one person."""


def visible(*, owner: AbstractBaseUser) -> QuerySet[SavedView]:
    """One's own and the shared ones of others, by name."""
    return (
        SavedView.objects.filter(Q(owner_id=owner.pk) | Q(shared=True))
        .select_related("owner")
        .order_by("name")
    )


def save(
    *,
    owner: AbstractBaseUser,
    actor: str,
    name: str,
    search: str,
    columns: Sequence[str] = (),
    oldest_first: bool = False,
    shared: bool = False,
) -> SavedView:
    """A new view, or another content of the one with this name. Raises InvalidInput, and Conflict for too many."""
    name = " ".join(name.split())
    if not 0 < len(name) <= 60:
        raise InvalidInput("A view needs a name of 60 characters at most.")
    searching.condition(search)
    with transaction.atomic():
        known = SavedView.objects.select_for_update().filter(owner_id=owner.pk)
        before = {view.name: view for view in known}
        if name not in before and len(before) >= MOST:
            raise Conflict(f"You have {MOST} views already; delete one first.")
        values = {
            "search": search,
            "columns": list(columns),
            "oldest_first": oldest_first,
            "shared": shared,
        }
        old = before.get(name)
        was = {field: getattr(old, field) for field in values} if old else {}
        view, _ = SavedView.objects.update_or_create(
            owner_id=owner.pk, name=name, defaults={**values, "updated_at": After()}
        )
        if shared or was.get("shared"):  # what others see is an act; one's own shelf is not
            audit.write(
                actor=actor, action="view.share", subject=name, selection=search, before=was, after=values
            )
    return view


def delete(*, view: SavedView, actor: str) -> None:
    with transaction.atomic():
        if view.shared:
            audit.write(
                actor=actor,
                action="view.delete",
                subject=view.name,
                selection=view.search,
                before={"owner": view.owner.get_username()},
            )
        view.delete()

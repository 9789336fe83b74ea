"""The record of what operators did: searched, never changed."""

from typing import Any

from django.contrib import admin
from django.utils.text import Truncator

from sightline.audit.models import Entry
from sightline_dashboard.admin.read_only import HistoryAdmin

_SHOWN = 90
"""Characters of a change in the list; the entry's own page has all of it."""


@admin.register(Entry)
class EntryAdmin(HistoryAdmin):
    list_display = ("at", "actor", "action", "subject", "change", "reason", "address")
    list_filter = ("action",)
    search_fields = ("actor", "action", "subject", "reason", "selection", "address")
    search_help_text = "who, what, to what, why, from where, and what chose the jobs"

    @admin.display(description="Before → after")
    def change(self, entry: Entry) -> str:
        names = {**entry.before, **entry.after}
        told = "; ".join(
            f"{name} {_words(entry.before.get(name))} → {_words(entry.after[name])}"
            if name in entry.after and name in entry.before
            else f"{name} {_words(names[name])}"
            for name in names
        )
        return Truncator(told or "–").chars(_SHOWN)


def _words(value: Any) -> str:
    """A value as people read it."""
    if value is None or value == "":
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(_words(one) for one in value) or "–"
    if isinstance(value, dict):
        return " ".join(f"{name} {_words(one)}" for name, one in value.items())
    return str(value)

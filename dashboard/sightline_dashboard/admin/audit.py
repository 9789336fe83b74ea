"""The record of what operators did: searched, never changed."""

from django.contrib import admin

from sightline.audit.models import Entry
from sightline_dashboard.admin.read_only import HistoryAdmin


@admin.register(Entry)
class EntryAdmin(HistoryAdmin):
    list_display = ("at", "actor", "action", "subject", "reason", "address")
    list_filter = ("action",)
    search_fields = ("actor", "action", "subject", "reason", "selection")

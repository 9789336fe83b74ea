"""Filters whose choices are known beforehand: a DISTINCT over a million rows is none of them."""

from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.contrib.admin import SimpleListFilter
from django.db.models import QuerySet
from django.http import HttpRequest

from sightline.jobs.models import Job
from sightline.kinds.registry import KINDS


class _Known(SimpleListFilter):
    def queryset(self, request: HttpRequest, queryset: QuerySet[Job]) -> QuerySet[Job]:
        value = self.value()
        return queryset.filter(**{str(self.parameter_name): value}) if value else queryset


class KindFilter(_Known):
    title, parameter_name = "kind", "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        return [(kind, kind) for kind in KINDS]


class ModelFilter(_Known):
    title, parameter_name = "model", "model"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        return [(tag, tag) for tag in settings.MODELS]

    def has_output(self) -> bool:
        return True

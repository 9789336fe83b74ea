"""Three roles to give people, made anew after every migration: viewer, operator, administrator."""

from typing import Any

from django.contrib.auth.models import Group, Permission
from django.db.models import Q, QuerySet

_SEEN = ("jobs", "fleet", "triage", "alerts", "media", "webhooks", "batches")
_SEEN_ALSO = ("near.check", "near.switch")
_OPERATED = (
    "jobs.job",
    "fleet.queue",
    "fleet.group",
    "triage.cause",
    "triage.bulk",
    "triage.savedview",
    "alerts.rule",
    "alerts.channel",
    "media.blockedmedia",
    "near.switch",
)
_ADMINISTERED = ("tenants", "auth", "audit", "alerts")

VIEWER, OPERATOR, ADMINISTRATOR = "viewer", "operator", "administrator"


def make(**signal: Any) -> None:
    """A viewer sees jobs and fleet, an operator acts on them, an administrator also gives access.

    Permissions that somebody added to a role stay.
    """
    seen = Q(content_type__app_label__in=_SEEN, codename__startswith="view_") & ~_images()
    for name in _SEEN_ALSO:
        app, model = name.split(".")
        seen |= Q(content_type__app_label=app, codename=f"view_{model}")
    operated = Q()
    for name in _OPERATED:
        app, model = name.split(".")
        operated |= Q(content_type__app_label=app, codename=f"change_{model}")
    administered = Q(content_type__app_label__in=_ADMINISTERED)
    for role, wanted in (
        (VIEWER, seen),
        (OPERATOR, seen | operated | _images()),
        (ADMINISTRATOR, seen | operated | _images() | administered),
    ):
        group, _ = Group.objects.get_or_create(name=role)
        permissions: QuerySet[Permission] = Permission.objects.filter(wanted)
        group.permissions.add(*permissions)


def _images() -> Q:
    """To look at what people sent: a viewer sees that there is an image, not the image."""
    return Q(content_type__app_label="media", codename="view_media")

"""The admin's pages, one file a model."""

from sightline_dashboard.admin import (
    api_keys,
    attempts,
    blocked_media,
    events,
    groups,
    jobs,
    media,
    queues,
    site,
    staff,
    tenants,
)

__all__ = [
    "api_keys",
    "attempts",
    "blocked_media",
    "events",
    "groups",
    "jobs",
    "media",
    "queues",
    "site",
    "staff",
    "tenants",
]

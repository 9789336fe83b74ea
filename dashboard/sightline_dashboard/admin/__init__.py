"""The admin's pages, one file a model."""

from sightline_dashboard.admin import (
    api_keys,
    attempts,
    audit,
    blocked_media,
    bulks,
    causes,
    events,
    groups,
    jobs,
    media,
    minutes,
    near,
    queues,
    site,
    staff,
    tenants,
)

__all__ = [
    "api_keys",
    "attempts",
    "audit",
    "blocked_media",
    "bulks",
    "causes",
    "events",
    "groups",
    "jobs",
    "media",
    "minutes",
    "near",
    "queues",
    "site",
    "staff",
    "tenants",
]

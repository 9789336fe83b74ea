"""The side bar, and the links out of the admin."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse


def _list(title: str, icon: str, model: str) -> dict[str, Any]:
    app, name = model.split(".")
    return {
        "title": title,
        "icon": icon,
        "link": reverse(f"admin:{app}_{name}_changelist"),
        "permission": lambda request: (
            request.user.has_perm(f"{app}.view_{name}") or request.user.has_perm(f"{app}.change_{name}")
        ),
    }


def _on_jobs(request: HttpRequest) -> bool:
    """Is this the list or a job's page? Other pages that stand below it have entries of their own."""
    others = (reverse("admin:jobs_job_stuck"), reverse("admin:jobs_job_playground"))
    below: bool = request.path.startswith(reverse("admin:jobs_job_changelist"))
    return below and not request.path.startswith(others)


def playground() -> list[dict[str, Any]]:
    """Where there is one."""
    if not settings.PLAYGROUND:
        return []
    return [
        {
            "title": "Playground",
            "icon": "experiment",
            "link": reverse("admin:jobs_job_playground"),
            "permission": lambda request: request.user.has_perm("jobs.change_job"),
        }
    ]


def names() -> dict[str, str]:
    """What the side bar calls each address."""
    return {str(entry["link"]): entry["title"] for part in parts() for entry in part["items"]}


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    """As unfold asks for it."""
    return parts()


def parts() -> list[dict[str, Any]]:
    return [
        {
            "title": "Operate",
            "items": [
                {"title": "Now", "icon": "monitor_heart", "link": reverse("admin:index")},
                _list("Errors", "error", "triage.cause"),
                {
                    "title": "Stuck",
                    "icon": "hourglass_disabled",
                    "link": reverse("admin:jobs_job_stuck"),
                    "permission": lambda request: request.user.has_perm("jobs.view_job"),
                },
                _list("Alerts", "notifications", "alerts.rule"),
                _list("Jobs", "work_history", "jobs.job") | {"active": _on_jobs},
                *playground(),
                _list("Bulk acts", "checklist", "triage.bulk"),
                _list("Attempts", "replay", "jobs.attempt"),
                _list("Events", "timeline", "jobs.jobevent"),
            ],
        },
        {
            "title": "Fleet",
            "items": [
                _list("GPU groups", "memory", "fleet.group"),
                _list("Queues", "reorder", "fleet.queue"),
                _list("Near cache", "difference", "near.check"),
                _list("Near switches", "toggle_off", "near.switch"),
            ],
        },
        {
            "title": "Media",
            "items": [
                _list("Images", "image", "media.media"),
                _list("Blocked", "block", "media.blockedmedia"),
            ],
        },
        {
            "title": "Access",
            "items": [
                _list("Tenants", "domain", "tenants.tenant"),
                _list("API keys", "key", "tenants.apikey"),
                _list("Staff", "person", "auth.user"),
                _list("Audit", "history", "audit.entry"),
            ],
        },
        {
            "title": "Elsewhere",
            "items": [
                {
                    "title": "Flower",
                    "icon": "local_florist",
                    "link": settings.FLOWER_URL,
                    "permission": lambda request: request.user.has_perm("fleet.view_group"),
                },
                {"title": "API reference", "icon": "api", "link": "/api/v1/docs"},
            ],
        },
    ]

"""Addresses in Flower."""

from urllib.parse import quote

from django.conf import settings


def task_url(task_id: str) -> str:
    """The page of one wake-up, the Celery task that ran an attempt."""
    return f"{settings.FLOWER_URL.rstrip('/')}/task/{quote(task_id, safe='')}"

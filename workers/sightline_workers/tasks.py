"""The Celery application of the workers: one task, a shell around an attempt.

Started as `celery -A sightline_workers.tasks worker`.
"""

from functools import cache
from typing import Any

import django
from celery.signals import celeryd_init, worker_shutting_down
from django.conf import settings

django.setup()

from sightline.celery import RUN_NEXT, app  # noqa: E402
from sightline_workers.attempt import Runner  # noqa: E402
from sightline_workers.budget import Budget  # noqa: E402
from sightline_workers.engines.openai_http import OpenAIEngine  # noqa: E402
from sightline_workers.intake import IntakeStep  # noqa: E402
from sightline_workers.leases import Leases  # noqa: E402
from sightline_workers.membership import membership  # noqa: E402
from sightline_workers.seats import seats  # noqa: E402
from sightline_workers.task_events import TaskEventsStep  # noqa: E402

app.steps["consumer"].update((IntakeStep, TaskEventsStep))

_node = "worker"


@celeryd_init.connect
def _remember_node(sender: str, **kwargs: Any) -> None:
    global _node
    _node = sender


@cache
def runner() -> Runner:
    """The process's runner, made at its first job."""
    member = membership()
    if member is None:
        raise RuntimeError("This worker belongs to no group: start it through `sightline group`.")
    return Runner(
        member=member,
        engine=OpenAIEngine(
            member.engine_url, max_concurrency=member.most_seats, api_key=settings.ENGINE_API_KEY or None
        ),
        leases=leases(),
        budget=Budget(member.budget_socket) if member.budget_socket else None,
    )


@cache
def leases() -> Leases:
    """The process's heartbeat."""
    return Leases(_node)


@app.task(name=RUN_NEXT, bind=True)
def run_next(self: Any, queue: str) -> dict[str, str] | None:
    """Take the next job of the queue, whichever it is; returns its id and status for Flower."""
    with seats().one() as seated:
        return runner().run_next(queue=queue, celery_task_id=self.request.id) if seated else None


@worker_shutting_down.connect
def _drain(**kwargs: Any) -> None:
    """Celery stops consuming by itself; the threads pool would wait for ever for the attempts."""
    seats().close()
    leases().drain(settings.DRAIN_S)

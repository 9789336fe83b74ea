"""What a group's supervisor writes about it, and what an operator asks of it."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction
from django.db.models import Case, CharField, Value, When
from django.db.models.functions import Concat

from sightline.audit import services as audit
from sightline.celery import probation_queue
from sightline.clock import After
from sightline.errors import NotFound
from sightline.fleet.models import EngineState, Group, Intake, Queue
from sightline.fleet.seats import effective
from sightline.jobs.models import Job
from sightline.jobs.status import Status

HEARTBEAT_S = 2.0
LOST_AFTER_S = 15.0
"""A group whose supervisor is silent for so long counts as stopped."""
LOST = "its supervisor stopped reporting"
"""Why such a group is stopped; one that was shut down says something else."""


def register(
    *, name: str, host: str, tag: str, gpus: Sequence[str], engine_url: str, seats: Mapping[str, int]
) -> Group:
    """Announce a group that starts. What an operator drained or changed stays so over restarts."""
    group_id = f"{name}@{host}"
    changed = Group.objects.filter(pk=group_id).values_list("seats_changed", flat=True).first()
    group, _ = Group.objects.update_or_create(
        id=group_id,
        defaults={
            "name": name,
            "host": host,
            "tag": tag,
            "gpus": list(gpus),
            "engine_url": engine_url,
            "seats": effective(started_with=seats, changed=changed or {}),
            "seats_started_with": dict(seats),
            "state": EngineState.STARTING,
            "intake": Intake.CLOSED,
            "probation": False,
            "restarts": 0,
            "detail": "",
            "started_at": After(),
            "heartbeat_at": After(),
        },
    )
    return group


def report(*, group_id: str, state: EngineState, accepting: bool, probation: bool, **facts: Any) -> Intake:
    """Write the supervisor's view and its heartbeat; the intake that follows from it and the operator's word."""
    if state is not EngineState.LIVE or not accepting:
        intake = Intake.CLOSED
    else:
        intake = Intake.PROBATION if probation else Intake.OPEN
    beat = {"state": state, "probation": probation, "heartbeat_at": After(), **facts}
    if Group.objects.filter(pk=group_id, drained_at=None).update(intake=intake, **beat):
        return intake
    Group.objects.filter(pk=group_id).update(intake=Intake.CLOSED, **beat)
    return Intake.CLOSED


def drain(*, group_id: str, actor: str, reason: str = "") -> None:
    """Take no new job from the next claim on; those aboard end. Survives restarts."""
    with transaction.atomic():
        before = _word(group_id)
        if not Group.objects.filter(pk=group_id).update(
            drained_at=After(), intake=Intake.CLOSED, detail=f"drained by {actor}"
        ):
            raise NotFound(f"There is no group {group_id}.")
        audit.write(
            actor=actor,
            action="group.drain",
            subject=group_id,
            before=before,
            after={"drained": True},
            reason=reason,
        )


def undrain(*, group_id: str, actor: str, reason: str = "") -> None:
    """Let the group's supervisor open the intake again, which it does within a second."""
    with transaction.atomic():
        before = _word(group_id)
        if not Group.objects.filter(pk=group_id).update(drained_at=None, detail=f"resumed by {actor}"):
            raise NotFound(f"There is no group {group_id}.")
        audit.write(
            actor=actor,
            action="group.undrain",
            subject=group_id,
            before=before,
            after={"drained": False},
            reason=reason,
        )


def _word(group_id: str) -> dict[str, bool]:
    """What operators said of the group last, for the record."""
    return {"drained": Group.objects.filter(pk=group_id, drained_at__isnull=False).exists()}


def suspects_waiting(*, tag: str) -> bool:
    """Are there jobs of this model tag that must run alone, and may: whose kind nobody paused?"""
    own_queue = Concat(
        Case(When(seats="", then="kind"), default="seats"), Value("."), "model", output_field=CharField()
    )
    waiting = Job.objects.filter(queue=probation_queue(tag), status=Status.QUEUED).annotate(own=own_queue)
    return waiting.exclude(own__in=Queue.objects.exclude(paused_at=None).values("name")).exists()


def aboard(*, group_id: str) -> int:
    """Jobs that run in the group right now."""
    return Job.objects.filter(group=group_id, status=Status.RUNNING).count()


def somebody_tests_suspects(*, tag: str, but: str) -> bool:
    """Does another group of this tag test the suspects, or will it once its engine is back?

    One group at a time: if a second one took them over while the first loads its model, one poisonous job could
    keep both down.
    """
    others = Group.objects.filter(
        tag=tag, probation=True, drained_at=None, heartbeat_at__gt=After(-LOST_AFTER_S)
    )
    return others.exclude(pk=but).exclude(state__in=(EngineState.FAILED, EngineState.STOPPED)).exists()


def mark_lost() -> int:
    """Close groups whose supervisor fell silent: nobody would notice that their engine died."""
    return (
        Group.objects.filter(heartbeat_at__lt=After(-LOST_AFTER_S))
        .exclude(state=EngineState.STOPPED)
        .update(state=EngineState.STOPPED, intake=Intake.CLOSED, detail=LOST)
    )

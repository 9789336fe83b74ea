"""How many jobs of each kind a group runs at once, and an operator's change of it while it runs."""

from collections.abc import Mapping

from django.db import transaction

from sightline.audit import services as audit
from sightline.errors import FieldError, InvalidInput, NotFound
from sightline.fleet.models import Group
from sightline.telemetry import lifecycle


def effective(*, started_with: Mapping[str, int], changed: Mapping[str, int]) -> dict[str, int]:
    """The seats by kind that follow from the settings and from an operator's change of them.

    A change that the engine has no room for, because the group came back with fewer seats, counts for nothing.
    """
    seats = {kind: changed.get(kind, count) for kind, count in started_with.items()}
    return seats if sum(seats.values()) <= sum(started_with.values()) else dict(started_with)


def change(*, group_id: str, seats: Mapping[str, int | None], actor: str, reason: str = "") -> dict[str, int]:
    """Change the seats of some kinds of a group; all of its seats as they are then.

    The workers follow within a second: more seats take jobs at once, fewer let those aboard end. None gives a kind
    back what the group started with, 0 keeps the kind out of the group. The change survives restarts. All seats
    together stay within those that the engine was started with (its `--max-num-seqs`): `InvalidInput` otherwise.
    """
    with transaction.atomic():
        group = Group.objects.select_for_update().filter(pk=group_id).first()
        if group is None:
            raise NotFound(f"There is no group {group_id[:150]!r}.")
        _known(seats, group.seats_started_with)
        asked = {**group.seats_changed, **seats}
        changed = {kind: count for kind, count in asked.items() if count is not None}
        now = {kind: changed.get(kind, count) for kind, count in group.seats_started_with.items()}
        _room(now, sum(group.seats_started_with.values()))
        Group.objects.filter(pk=group_id).update(seats_changed=changed, seats=now)
        audit.write(
            actor=actor,
            action="group.seats",
            subject=group_id,
            before=dict(group.seats),
            after=now,
            reason=reason,
        )
    lifecycle.seats_changed(group=group_id, seats=now, actor=actor)
    return now


def _known(seats: Mapping[str, int | None], kinds: Mapping[str, int]) -> None:
    if unknown := [kind for kind in seats if kind not in kinds]:
        detail = f"The group serves {', '.join(kinds) or 'no kinds'}."
        raise InvalidInput(detail, errors=[FieldError(pointer=f"/seats/{unknown[0]}", detail=detail)])


def _room(seats: Mapping[str, int], most: int) -> None:
    if (total := sum(seats.values())) > most:
        detail = (
            f"{total} seats are more than the {most} that the engine was started with. Lower another kind, or"
            " start the group with more (SIGHTLINE_SEATS_…)."
        )
        raise InvalidInput(detail, errors=[FieldError(pointer="/seats", detail=detail)])

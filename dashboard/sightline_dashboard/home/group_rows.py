"""A row per GPU group."""

from dataclasses import dataclass
from datetime import datetime

from sightline.fleet import groups
from sightline.fleet.models import EngineState, Group, Intake
from sightline_dashboard.home.running import Running

MISSED_S = 3600.0
"""A lost group is missed for so long; pods come back under other names."""
SILENT_S = 10.0
"""A supervisor reports every second or so; one that is silent this long is shown as such."""


@dataclass(frozen=True, kw_only=True)
class GroupRow:
    """One group now."""

    group: Group
    running: int
    heartbeat_s: float | None
    """Age of the last heartbeat."""

    @property
    def silent(self) -> bool:
        return self.group.state != EngineState.STOPPED and (
            self.heartbeat_s is None or self.heartbeat_s > SILENT_S
        )

    @property
    def retired(self) -> bool:
        """It was shut down, or fell silent so long ago that nobody waits for it any more."""
        if self.group.state != EngineState.STOPPED:
            return False
        return self.group.detail != groups.LOST or self.heartbeat_s is None or self.heartbeat_s > MISSED_S

    @property
    def takes_jobs(self) -> bool:
        return self.group.intake == Intake.OPEN and self.group.state == EngineState.LIVE

    @property
    def seats(self) -> int:
        return sum(int(seats) for seats in self.group.seats.values())

    def seats_of(self, kind: str) -> int:
        return int(self.group.seats.get(kind, 0))


def group_rows(*, aboard: Running, now: datetime) -> list[GroupRow]:
    return [
        GroupRow(
            group=group,
            running=aboard.by_group.get(group.pk, 0),
            heartbeat_s=(now - group.heartbeat_at).total_seconds() if group.heartbeat_at else None,
        )
        for group in Group.objects.order_by("id")
    ]

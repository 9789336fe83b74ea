"""Is it us, one kind, one tenant or one GPU? What stands out, worst first, each in one sentence."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from django.urls import reverse

from sightline.fleet.models import EngineState
from sightline_dashboard.durations import duration
from sightline_dashboard.home.group_rows import GroupRow
from sightline_dashboard.home.queue_rows import QueueRow
from sightline_dashboard.home.recent import Lately
from sightline_dashboard.home.upkeep import Upkeep

FEW = 3
"""Failures that are too few to say anything about."""
COVERS = 0.8
"""One value explains the failures when so large a share of them is its own …"""
LIFT = 3.0
"""… and it fails so many times as often as everything else."""
BAD_RATE, HIGH_RATE = 0.2, 0.05
"""Failure rates that are bad, and that are worth a word."""
_QUALIFIERS = {"GPU": "group", "kind": "kind", "tenant": "tenant", "model": "model"}
_ORDER = ("bad", "warn", "note", "good")


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Something that stands out."""

    level: str
    """bad: act now; warn: look; note: as somebody wanted it; good."""
    scope: str
    """Whose it is: us, one kind, one tenant, one GPU, one model."""
    text: str
    href: str = ""
    """Where to look further."""


def findings(
    *, upkeep: Upkeep, groups: Sequence[GroupRow], queues: Sequence[QueueRow], lately: Lately, regressed: int
) -> list[Finding]:
    """Never empty: the first is the verdict, the others what else is to be known."""
    found = [
        *_ourselves(upkeep),
        *_fleet(groups),
        *_failures(lately),
        *_service_levels(queues),
        *_intake(queues),
        *_came_back(regressed),
    ]
    found.sort(key=lambda finding: _ORDER.index(finding.level))
    return found if found and found[0].level != "note" else [_well(lately), *found]


def _ourselves(upkeep: Upkeep) -> Iterator[Finding]:
    if upkeep.redis:
        yield Finding(
            level="bad",
            scope="us",
            text=f"Redis does not answer. Jobs are kept and start when it is back: {upkeep.redis}",
        )
    if not upkeep.sweeper:
        yield Finding(
            level="bad",
            scope="us",
            text="Nobody sweeps. Lapsed leases and lost wake-ups stay as they are until `sightline sweeper` runs.",
            href=reverse("admin:jobs_job_stuck"),
        )


def _fleet(groups: Sequence[GroupRow]) -> Iterator[Finding]:
    href = reverse("admin:fleet_group_changelist")
    wanted = [row for row in groups if not (row.group.drained_at or row.retired)]
    out = [row for row in wanted if not row.takes_jobs or row.silent]
    if not wanted:
        drained = any(row.group.drained_at for row in groups)
        why = "every group is drained" if drained else "no group runs"
        yield Finding(level="bad", scope="us", text=f"No GPU takes jobs: {why}.", href=href)
    elif len(out) == len(wanted) > 1:
        yield Finding(level="bad", scope="us", text=f"None of {len(wanted)} GPUs takes jobs.", href=href)
    elif len(out) > 1:
        names = ", ".join(row.group.id for row in out)
        text = f"{len(out)} of {len(wanted)} GPUs take no jobs: {names}."
        yield Finding(level="warn", scope="us", text=text, href=href)
    elif out:
        row = out[0]
        state = "silent" if row.silent else row.group.state
        why = f": {row.group.detail}" if row.group.detail and not row.silent else ""
        if row.group.state == EngineState.LIVE and not row.silent:
            state = f"live, its intake is {row.group.intake}"
        yield Finding(
            level="warn" if len(wanted) > 1 else "bad",
            scope="one GPU",
            text=f"{row.group.id} takes no jobs; it is {state}{why}.",
            href=reverse("admin:fleet_group_change", args=[row.group.pk]),
        )


def _failures(lately: Lately) -> Iterator[Finding]:
    """Whether one GPU, kind, tenant or model explains the failures of the last minutes."""
    if lately.failed < FEW:
        return
    mostly = ""
    if lately.codes and (top := lately.codes.most_common(1)[0])[1] >= COVERS * lately.failed:
        mostly = f", {top[0]}" if top[1] == lately.failed else f", mostly {top[0]}"
    best: tuple[float, str, str, float] | None = None
    for name, tally in lately.by.items():
        value, failed = tally.failed.most_common(1)[0]
        others = lately.ended - tally.ended[value]
        if not value or failed < max(FEW, COVERS * lately.failed) or others < FEW:
            continue
        rate, rest = failed / tally.ended[value], (lately.failed - failed) / others
        if rate >= HIGH_RATE and rate >= LIFT * rest and (best is None or rate - rest > best[0]):
            best = (rate - rest, name, value, rate)
    overall = lately.failure_rate or 0.0
    if best is not None:
        _, name, value, rate = best
        tally = lately.by[name]
        text = (
            f"{tally.failed[value]} of the last {lately.failed} failures are {value}'s, where {rate:.0%} of the jobs"
            f" of the last 15 minutes failed{mostly}."
        )
        level = "bad" if rate >= BAD_RATE else "warn"
        yield Finding(level=level, scope=f"one {name}", text=text, href=_failed_jobs(name, value))
    elif overall >= HIGH_RATE:
        text = (
            f"{overall:.0%} of the {lately.ended} jobs of the last 15 minutes failed, spread over kinds, tenants and"
            f" GPUs{mostly}."
        )
        level = "bad" if overall >= BAD_RATE else "warn"
        yield Finding(level=level, scope="us", text=text, href=reverse("admin:triage_cause_changelist"))


def _failed_jobs(name: str, value: str) -> str:
    quoted = f'"{value}"' if " " in value else value
    words = f"{_QUALIFIERS[name]}:{quoted} status:failed,quarantined"
    return f"{reverse('admin:jobs_job_changelist')}?q={quote(words)}"


def _service_levels(queues: Sequence[QueueRow]) -> Iterator[Finding]:
    kinds = {row.kind for row in queues if row.kind}
    late = [row for row in queues if row.burn.alarming]
    if not late:
        return
    told = ", ".join(
        f"{row.name} ({row.burn.short:.0f}× over 5 minutes, {row.burn.long:.0f}× over an hour)"
        for row in late
    )
    several = len({row.kind for row in late}) > 1
    yield Finding(
        level="bad",
        scope="us" if several or len(kinds) == 1 else "one kind",
        text=f"Jobs start late and burn their error budget: {told}.",
    )


def _intake(queues: Sequence[QueueRow]) -> Iterator[Finding]:
    for row in queues:
        waits = f"{row.waiting} job{'s' * (row.waiting != 1)} wait{'s' * (row.waiting == 1)}"
        oldest = "" if row.oldest_s is None else f", the oldest for {duration(row.oldest_s * 1000)}"
        if row.paused_at and row.waiting:
            by = row.paused_by.removeprefix("admin:")
            yield Finding(
                level="note", scope="one kind", text=f"{row.name} is paused by {by}; {waits}{oldest}."
            )
        elif row.unserved:
            yield Finding(level="bad", scope="one kind", text=f"Nobody serves {row.name}; {waits}{oldest}.")


def _came_back(regressed: int) -> Iterator[Finding]:
    if regressed:
        causes = "cause that was resolved is" if regressed == 1 else "causes that were resolved are"
        yield Finding(
            level="warn",
            scope="us",
            text=f"{regressed} {causes} back.",
            href=reverse("admin:triage_cause_changelist"),
        )


def _well(lately: Lately) -> Finding:
    if not lately.ended:
        return Finding(level="good", scope="all well", text="Nothing ended within the last 15 minutes.")
    failed = f"{lately.failure_rate:.1%}" if lately.failed else "none"
    return Finding(
        level="good",
        scope="all well",
        text=f"{lately.ended} jobs ended within the last 15 minutes; {failed} of them failed.",
    )

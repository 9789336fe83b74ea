"""What the home page says in one sentence."""

from collections import Counter
from datetime import UTC, datetime

import pytest

from sightline.fleet.burn import Burn
from sightline.fleet.models import EngineState, Group, Intake
from sightline_dashboard.home import verdict
from sightline_dashboard.home.group_rows import GroupRow
from sightline_dashboard.home.queue_rows import QueueRow
from sightline_dashboard.home.recent import Fared, Lately, Tally
from sightline_dashboard.home.upkeep import Upkeep
from sightline_dashboard.home.verdict import Finding

FINE = Upkeep(redis="", sweeper="sweeper@node1")
GPUS = ("gpu0@node1", "gpu1@node1")


def group(name: str, state: str = EngineState.LIVE, intake: str = Intake.OPEN, **more: object) -> GroupRow:
    row = Group(id=name, tag="default", state=state, intake=intake, seats={"gui": 4}, **more)
    return GroupRow(group=row, running=0, heartbeat_s=0.5)


def queue(kind: str, waiting: int = 0, seats: int = 4, burn: float = 0.0, paused: bool = False) -> QueueRow:
    return QueueRow(
        name=f"{kind}.default",
        kind=kind,
        tag="default",
        waiting=waiting,
        parked=0,
        oldest_s=90.0 if waiting else None,
        running=0,
        seats=seats,
        fared=Fared(ended=0, failed=0, waits_ms=[]),
        burn=Burn(short=burn, long=burn),
        paused_at=datetime(2026, 10, 1, tzinfo=UTC) if paused else None,
        paused_by="admin:eve" if paused else "",
    )


def ended(*jobs: tuple[str, str, str, bool]) -> Lately:
    """(GPU, kind, tenant, failed)."""
    by = {name: Tally() for name in ("GPU", "kind", "tenant", "model")}
    for *values, failed in jobs:
        for name, value in zip(by, [*values, "default"], strict=True):
            by[name].ended[value] += 1
            by[name].failed[value] += failed
    failures = sum(job[3] for job in jobs)
    return Lately(ended=len(jobs), failed=failures, by=by, codes=Counter({"engine_busy": failures}))


def said(**given: object) -> list[Finding]:
    usual = {
        "upkeep": FINE,
        "groups": [group(name) for name in GPUS],
        "queues": [queue("gui"), queue("ocr")],
        "lately": Lately(),
        "regressed": 0,
    }
    return verdict.findings(**{**usual, **given})  # type: ignore[arg-type]


def mixed(fails: object) -> Lately:
    """Eighty jobs, over two GPUs, two kinds and two tenants in turn; some fail."""
    jobs = [(GPUS[n % 2], ("gui", "ocr")[n // 2 % 2], ("acme", "globex")[n // 4 % 2]) for n in range(80)]
    return ended(*((*job, bool(fails(n, job))) for n, job in enumerate(jobs)))  # type: ignore[operator]


def test_all_is_well() -> None:
    [only] = said(lately=mixed(lambda n, job: False))
    assert (only.level, only.scope) == ("good", "all well")
    assert only.text == "80 jobs ended within the last 15 minutes; none of them failed."


@pytest.mark.parametrize(
    ("place", "value", "scope", "link"),
    [
        (0, "gpu1@node1", "one GPU", "group%3Agpu1%40node1"),
        (1, "ocr", "one kind", "kind%3Aocr"),
        (2, "globex", "one tenant", "tenant%3Aglobex"),
    ],
)
def test_what_explains_the_failures_is_named(place: int, value: str, scope: str, link: str) -> None:
    first = said(lately=mixed(lambda n, job: job[place] == value and n % 3))[0]
    assert (first.level, first.scope) == ("bad", scope)
    assert value in first.text
    assert "engine_busy" in first.text
    assert link in first.href


def test_failures_everywhere_are_ours() -> None:
    first = said(lately=mixed(lambda n, job: n % 3 == 0))[0]
    assert (first.level, first.scope) == ("bad", "us")
    assert "34% of the 80 jobs" in first.text


def test_two_failures_are_no_trouble() -> None:
    assert said(lately=mixed(lambda n, job: n in (4, 5)))[0].level == "good"


def test_the_worst_comes_first() -> None:
    upkeep = Upkeep(redis="refused", sweeper="")
    levels = [one.level for one in said(upkeep=upkeep, regressed=2, queues=[queue("gui", 3, paused=True)])]
    assert levels == ["bad", "bad", "warn", "note"]


@pytest.mark.parametrize(
    ("groups", "level", "scope", "words"),
    [
        ([], "bad", "us", "no group runs"),
        (
            [group("gpu0@a"), group("gpu1@a", EngineState.RESTARTING, detail="exit 1")],
            "warn",
            "one GPU",
            "exit 1",
        ),
        ([group("gpu0@a", EngineState.HUNG), group("gpu1@a", EngineState.FAILED)], "bad", "us", "None of 2"),
        (
            [group("gpu0@a", drained_at=datetime(2026, 10, 1, tzinfo=UTC))],
            "bad",
            "us",
            "every group is drained",
        ),
        ([group("gpu0@a"), group("gpu1@a", EngineState.STOPPED, detail="shut down")], "good", "all well", ""),
    ],
)
def test_gpus_that_take_no_jobs_are_named(groups: object, level: str, scope: str, words: str) -> None:
    first = said(groups=groups)[0]
    assert (first.level, first.scope) == (level, scope)
    assert words in first.text


def test_a_paused_queue_is_no_trouble_and_is_told_all_the_same() -> None:
    first, second = said(queues=[queue("ocr", waiting=12, paused=True)])
    assert first.level == "good"
    assert (second.level, second.scope) == ("note", "one kind")
    assert second.text == "ocr.default is paused by eve; 12 jobs wait, the oldest for 1 min 30 s."


def test_a_kind_that_burns_its_budget_is_named() -> None:
    first = said(queues=[queue("gui", burn=20.0), queue("ocr")])[0]
    assert (first.level, first.scope) == ("bad", "one kind")
    assert "gui.default (20×" in first.text

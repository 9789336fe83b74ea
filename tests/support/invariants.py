"""The invariants of the platform, checked from what clients wrote down and from the rows.

I1 every accepted job reaches one terminal status; I2 one accepted result a job; I3 tries stay within
`max_attempts`, and crashes are not charged to the innocent; I4 no read across tenants; I5 a terminal status never
changes; I6 after the faults stop, everything drains.
"""

from collections import Counter, defaultdict
from collections.abc import Collection

from support.client import TERMINAL
from support.history import History
from support.platform import Platform

from sightline import ids

RESULTS = frozenset({"succeeded", "incomplete"})


def violations(platform: Platform, history: History, *, guilty: Collection[str] = ()) -> list[str]:
    """One sentence for each violation; `guilty` are jobs that may be quarantined or fail for crashes."""
    return [
        *_lost(platform, history),
        *_doubled(platform),
        *_charged(platform, guilty),
        *_trespassed(history),
        *_changed(history),
    ]


def check(platform: Platform, history: History | None = None, *, guilty: Collection[str] = ()) -> None:
    """Wait until everything has drained (I6), then check the rest."""
    platform.drained()
    found = violations(platform, history or platform.history, guilty=guilty)
    assert not found, "\n".join([str(platform.home), *found[:20]])


def statuses(platform: Platform) -> dict[str, str]:
    """Every job's status by public id."""
    return {_public(row["id"]): row["status"] for row in platform.rows("SELECT id, status FROM jobs_job")}


def _public(key: object) -> str:
    from uuid import UUID

    return ids.encode(ids.JOB, key if isinstance(key, UUID) else UUID(str(key)))


def _lost(platform: Platform, history: History) -> list[str]:
    known = statuses(platform)
    found = []
    by_ref: dict[tuple[str, str], set[str]] = defaultdict(set)
    for job in history.accepted():
        if known.get(job) not in TERMINAL:
            found.append(f"I1: {job} was accepted and is {known.get(job, 'gone')}")
    for entry in history.all("accepted"):
        by_ref[entry["tenant"], entry["ref"]].add(entry["job"])
    found += [f"I2: one Idempotency-Key, several jobs: {jobs}" for jobs in by_ref.values() if len(jobs) > 1]
    return found


def _doubled(platform: Platform) -> list[str]:
    # Those of a group: fetching a job's images is an attempt as well, and brings no result.
    attempts = platform.rows(
        "SELECT job_id, COUNT(*) AS n FROM jobs_attempt WHERE outcome IN ('succeeded', 'incomplete')"
        " AND \"group\" <> '' GROUP BY job_id"
    )
    results = {_public(row["job_id"]): row["n"] for row in attempts}
    found = [f"I2: {job} has {count} accepted results" for job, count in results.items() if count > 1]
    rows = platform.rows("SELECT id, served_from FROM jobs_job")
    # Whose answer another job got from an engine has no attempt of its own.
    borrowed = {_public(row["id"]) for row in rows if row["served_from"] in ("cache", "near", "coalesced")}
    for job, status in statuses(platform).items():
        expected = 0 if job in borrowed else 1
        if status in RESULTS and results.get(job, 0) != expected:
            found.append(f"I2: {job} is {status} with {results.get(job, 0)} accepted results")
        if status not in RESULTS and results.get(job, 0):
            found.append(f"I2: {job} is {status} though an attempt brought a result")
    ends = ", ".join(f"'job.{status}'" for status in sorted(TERMINAL))
    events = platform.rows(
        f"SELECT job_id, COUNT(*) AS n FROM jobs_jobevent WHERE type IN ({ends}) GROUP BY job_id HAVING COUNT(*) > 1"
    )
    return found + [f"I2: {_public(row['job_id'])} ended {row['n']} times" for row in events]


def _charged(platform: Platform, guilty: Collection[str]) -> list[str]:
    found = []
    statement = "SELECT id, status, run, tries, crashes, solo_kills, max_attempts FROM jobs_job"
    counted = Counter(_public(row["job_id"]) for row in platform.rows("SELECT job_id FROM jobs_attempt"))
    for row in platform.rows(statement):
        job = _public(row["id"])
        if row["tries"] > row["max_attempts"]:
            found.append(f"I3: {job} spent {row['tries']} tries of {row['max_attempts']}")
        if row["run"] != counted[job]:
            found.append(f"I3: {job} ran {row['run']} times and has {counted[job]} attempts")
        if row["status"] == "quarantined" and job not in guilty:
            found.append(f"I3: {job} was quarantined though innocent: {row}")
    return found


def _trespassed(history: History) -> list[str]:
    return [
        f"I4: {entry['tenant']} got {entry['status']} for {entry['job']} of somebody else"
        for entry in history.all("trespass")
        if entry["status"] not in (404, 503)
    ]


def _changed(history: History) -> list[str]:
    ended: dict[str, tuple[str, str | None]] = {}
    found = []
    for entry in history.all("read"):
        now = entry["status"], entry["output"]
        before = ended.get(entry["job"])
        if before is not None and now != before:
            found.append(f"I5: {entry['job']} was {before} and then {now}")
        if entry["status"] in TERMINAL:
            ended.setdefault(entry["job"], now)
    return found

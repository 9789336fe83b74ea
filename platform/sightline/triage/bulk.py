"""Bulk acts: freeze a selection and count it, try the first few, then do the rest.

The sweeper does the work, a bounded step a second, so that no request waits for it and a process that dies in the
middle costs nothing: each job is done and ticked off in one transaction.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Count, F, Min, QuerySet

from sightline.audit import services as audit
from sightline.celery import queue_name
from sightline.clock import After
from sightline.errors import Conflict, InvalidInput, Problem
from sightline.jobs import eta
from sightline.jobs.models import Job
from sightline.jobs.status import ACTIVE, Status
from sightline.triage import search as searching
from sightline.triage.models import Bulk, BulkItem, BulkState, Cause, ItemState
from sightline.triage.verbs import VERBS, Verb

MOST = 100_000
"""Jobs of one bulk act."""
FIRST = 3
"""Jobs that must succeed before the others follow."""
STEP = 200
"""Jobs that one step acts on."""
_CHUNK = 2000


def freeze(
    *,
    action: str,
    search: str,
    actor: str,
    tenant_id: UUID | None = None,
    cause: Cause | None = None,
    reason: str = "",
) -> Bulk:
    """The dry run: choose the jobs that match and that the act applies to, and count them. Nothing is done yet.

    `tenant_id` None: an operator's, over all tenants. Raises `InvalidInput` for an unknown action or search, an empty
    search, nothing found, or more than `MOST`.
    """
    verb = VERBS.get(action)
    if verb is None:
        raise InvalidInput("action is one of " + ", ".join(VERBS) + ".")
    if not search.strip():
        raise InvalidInput("Say which jobs: an empty search would choose all.")
    jobs = Job.objects.filter(
        searching.condition(search), status__in=verb.applies_to, erased_at=None
    ).order_by()
    if tenant_id is not None:
        jobs = jobs.filter(tenant_id=tenant_id)
    with transaction.atomic():
        bulk = Bulk.objects.create(
            tenant_id=tenant_id,
            action=action,
            search=search,
            cause=cause,
            actor=actor,
            reason=reason[:500],
            created_at=After(),
        )
        bulk.total = _choose(bulk, jobs)
        if not bulk.total:
            raise _nothing(search, tenant_id, verb)
        bulk.summary = _summary(bulk)
        bulk.save(update_fields=["total", "summary"])
    bulk.refresh_from_db()
    return bulk


def _nothing(search: str, tenant_id: UUID | None, verb: Verb) -> InvalidInput:
    found = Job.objects.filter(searching.condition(search), erased_at=None).order_by()
    if tenant_id is not None:
        found = found.filter(tenant_id=tenant_id)
    detail = f"No job that matches can be {verb.done}." if found.exists() else "No job matches this search."
    return InvalidInput(detail, code="nothing_matches")


def _choose(bulk: Bulk, jobs: QuerySet[Job]) -> int:
    """Write the items, the oldest job first; how many there are."""
    chosen = jobs.order_by("id").values_list("pk", flat=True)[: MOST + 1]
    total = 0
    for keys in _chunks(chosen):
        BulkItem.objects.bulk_create(
            [BulkItem(bulk=bulk, job_id=key, position=total + n) for n, key in enumerate(keys)]
        )
        total += len(keys)
    if total > MOST:
        raise InvalidInput(f"More than {MOST:,} jobs match. Narrow the search, by created: for example.")
    return total


def _chunks(keys: QuerySet[Job, UUID]) -> Iterator[list[UUID]]:
    found = list(keys)
    for start in range(0, len(found), _CHUNK):
        yield found[start : start + _CHUNK]


def _summary(bulk: Bulk) -> dict[str, Any]:
    jobs = Job.objects.filter(pk__in=BulkItem.objects.filter(bulk=bulk).values("job_id")).order_by()
    tenants, kinds, statuses = Counter[str](), Counter[str](), Counter[str]()
    queues = Counter[str]()
    oldest = None
    rows = jobs.values_list("kind", "model", "seats", "status", "tenant__name").annotate(
        count=Count("pk"), oldest=Min("created_at")
    )
    for kind, model, seats, status, tenant, count, first in rows:
        kinds[kind] += count
        tenants[tenant] += count
        statuses[status] += count
        queues[queue_name(seats or kind, model)] += count
        oldest = first if oldest is None else min(oldest, first)
    seconds = [_gpu_seconds(queue, count) for queue, count in queues.items()]
    return {
        "by_kind": dict(kinds.most_common()),
        "by_tenant": dict(tenants.most_common(20)),
        "by_status": dict(statuses.most_common()),
        "oldest": oldest.isoformat() if oldest else None,
        "gpu_seconds": round(sum(s for s in seconds if s is not None), 1)
        if VERBS[bulk.action].runs and any(s is not None for s in seconds)
        else None,
    }


def _gpu_seconds(queue: str, count: int) -> float | None:
    """What so many jobs of a queue take of a GPU, by those that ended lately; None: none did.

    Jobs share the GPU, so a job's share is its time divided by the seats that work at once.
    """
    service = eta.service(queue)
    if service.fast_s is None or service.slow_s is None or not service.seats:
        return None
    return count * (service.fast_s + service.slow_s) / 2 / service.seats


# --- what a person does ---------------------------------------------------------------------------------------------
def run(*, bulk: Bulk, actor: str, reason: str = "") -> Bulk:
    """Start a frozen act, or let a halted one go on with the rest. Harmless while it runs.

    A reason that is given takes the place of the one that it was chosen with.
    """
    with transaction.atomic():
        row = _locked(bulk)
        if row.active:
            return row
        if row.state == BulkState.FROZEN:
            _move(row, BulkState.CANARY, started_at=After())
        elif row.state == BulkState.HALTED:
            _move(row, BulkState.RUNNING, detail="")
        else:
            raise Conflict(f"It is {row.state}: choose the jobs again.")
        if reason:
            row.reason = reason[:500]
            row.save(update_fields=["reason"])
        _audit(row, f"bulk.{row.action}", actor)
    row.refresh_from_db()
    return row


def stop(*, bulk: Bulk, actor: str) -> Bulk:
    """Do nothing more. What was done stays done; harmless when it has ended."""
    with transaction.atomic():
        row = _locked(bulk)
        if row.state in (BulkState.DONE, BulkState.STOPPED):
            return row
        _move(row, BulkState.STOPPED, ended_at=After(), detail=f"stopped by {actor}")
        _audit(row, "bulk.stop", actor)
    row.refresh_from_db()
    return row


def _audit(bulk: Bulk, action: str, actor: str) -> None:
    audit.write(
        actor=actor,
        action=action,
        subject=bulk.public_id,
        selection=bulk.search,
        before={"done": bulk.done, "failed": bulk.failed},
        after={"total": bulk.total, **_of_interest(bulk)},
        reason=bulk.reason,
    )


def _of_interest(bulk: Bulk) -> dict[str, Any]:
    """Of the dry run, what the record is read for: which jobs of whom, and as they stood."""
    return {
        name: bulk.summary[name] for name in ("by_kind", "by_tenant", "by_status") if name in bulk.summary
    }


# --- what the sweeper does ------------------------------------------------------------------------------------------
def advance() -> int:
    """One step of every act that goes on; how many jobs were acted on."""
    active = Bulk.objects.filter(state__in=(BulkState.CANARY, BulkState.RUNNING)).order_by("id")
    return sum(_step(bulk) for bulk in active)


def _step(bulk: Bulk) -> int:
    if bulk.state == BulkState.RUNNING:
        return _act_on(bulk, most=STEP)
    untouched = FIRST - bulk.done - bulk.failed
    if untouched > 0 and (acted := _act_on(bulk, most=untouched)):
        return acted
    _judge(bulk)
    return 0


def _judge(bulk: Bulk) -> None:
    """Whether the first few ended well enough for the others to follow."""
    first = list(
        BulkItem.objects.filter(bulk=bulk).exclude(state=ItemState.PENDING).select_related("job")[:FIRST]
    )
    refused = [item for item in first if item.state == ItemState.FAILED]
    trouble = ""
    if len(refused) == len(first):
        trouble = f"none of the first {len(first)} could be done: {refused[0].detail}" if refused else ""
    elif VERBS[bulk.action].runs:
        ran = [item.job for item in first if item.state == ItemState.DONE]
        if any(job.status in ACTIVE for job in ran):
            return
        bad = [job for job in ran if job.status not in (Status.SUCCEEDED, Status.CANCELLED)]
        if bad:
            code = (bad[0].error or {}).get("code", bad[0].status)
            trouble = f"{len(bad)} of the first {len(ran)} ended {bad[0].status} again: {code}"
    state = BulkState.HALTED if trouble else BulkState.RUNNING
    Bulk.objects.filter(pk=bulk.pk, state=BulkState.CANARY).update(state=state, detail=trouble[:300])


def _act_on(bulk: Bulk, *, most: int) -> int:
    """Act on the next jobs, each in a transaction of its own; an act without any left is done."""
    items = list(
        BulkItem.objects.filter(bulk=bulk, state=ItemState.PENDING)
        .select_related("job__tenant")
        .defer("job__input", "job__output", "job__params", "job__metadata")
        .order_by("position")[:most]
    )
    verb = VERBS[bulk.action]
    for item in items:
        if not _act(bulk, item, verb):
            return 0
    if len(items) < most and bulk.state == BulkState.RUNNING:
        Bulk.objects.filter(pk=bulk.pk, state=BulkState.RUNNING).update(
            state=BulkState.DONE, ended_at=After(), detail=""
        )
    return len(items)


def _act(bulk: Bulk, item: BulkItem, verb: Verb) -> bool:
    """One job; False when the act was stopped meanwhile."""
    with transaction.atomic():
        # The row is locked first, so that a stop that was answered is a stop.
        if not _locked(bulk).active:
            return False
        try:
            with (
                transaction.atomic(),
                audit.unrecorded(),
            ):  # the record has the whole act and what chose its jobs
                verb.act(item.job, f"{bulk.actor} {bulk.public_id}", bulk.reason)
            state, detail = ItemState.DONE, ""
        except Problem as refusal:
            state, detail = ItemState.FAILED, refusal.detail[:300]
        BulkItem.objects.filter(pk=item.pk).update(state=state, detail=detail)
        counter = "done" if state is ItemState.DONE else "failed"
        Bulk.objects.filter(pk=bulk.pk).update(**{counter: F(counter) + 1})
    return True


def _locked(bulk: Bulk) -> Bulk:
    return Bulk.objects.select_for_update().get(pk=bulk.pk)


def _move(bulk: Bulk, state: BulkState, **values: Any) -> None:
    Bulk.objects.filter(pk=bulk.pk).update(state=state, **values)


def outcomes(bulk: Bulk) -> dict[str, int]:
    """Where the jobs that were acted on stand now, by status."""
    done = BulkItem.objects.filter(bulk=bulk, state=ItemState.DONE).order_by()
    return dict(done.values_list("job__status").annotate(count=Count("pk")))

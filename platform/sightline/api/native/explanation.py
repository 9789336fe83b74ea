"""Why a job waits: its place, who is ahead, when its turn comes, and what blocks it."""

from typing import Any

from django.db.models import Count

from sightline.api.native.representation import moment, summary
from sightline.celery import queue_name
from sightline.fleet.models import EngineState, Group, Intake, Queue
from sightline.jobs import eta
from sightline.jobs.models import Job
from sightline.jobs.status import Status


def explain(job: Job) -> dict[str, Any]:
    """The state of a job's wait; for a job that does not wait, that it does not."""
    shown = {key: summary(job)[key] for key in ("id", "kind", "model", "status", "attempt")}
    shown = {**shown, "object": "job.explanation", "queue": job.queue}
    if job.status != Status.QUEUED:
        cause = {"cause": str(job.status), "detail": "It waits for nothing any more."}
        return {**shown, "position": None, "ahead": {}, "running": {}, "eta_ms": None, "blocking": cause}
    waiting = job.parked_until is None
    ahead = eta.ahead(job, most=None) if waiting else None
    service = eta.service(job.queue)
    running = (
        Job.objects.filter(status=Status.RUNNING, model=job.model)
        .values_list("kind")
        .annotate(count=Count("pk"))
        .order_by()
    )
    blocking = _blocking(job)
    known = service.eta_ms(ahead) if ahead is not None and blocking is None else None
    if blocking is None:
        blocking = _busy(job, ahead or 0, service)
    return {
        **shown,
        "position": None if ahead is None else ahead + 1,
        "ahead": {job.kind: ahead} if ahead else {},
        "running": dict(running),
        "seats": service.seats,
        "rate_per_s": service.rate,
        "eta_ms": list(known) if known else None,
        "blocking": blocking,
    }


def _blocking(job: Job) -> dict[str, Any] | None:
    """What keeps the job from being claimed though a seat were free; None: nothing does."""
    own_queue = queue_name(job.seats or job.kind, job.model)
    names = {job.queue, own_queue} if job.suspect else {job.queue}
    if job.source is not None:
        return _coalesced(job)
    paused = Queue.objects.filter(name__in=names, paused_at__isnull=False).first()
    if paused is not None:
        return _cause("queue_paused", f"The queue {paused.name} is paused.", since=moment(paused.paused_at))
    if job.parked_until is not None:
        return _cause("backoff", "An attempt failed; the next one waits.", until=moment(job.parked_until))
    if not job.prepared:
        return None  # the cpu worker takes it, whatever the groups do
    groups = list(Group.objects.filter(tag=job.model).only("id", "state", "intake", "drained_at", "seats"))
    if job.suspect:
        if any(group.intake == Intake.PROBATION for group in groups):
            return _cause(
                "probation", "It was aboard an engine that died, and runs alone when its turn comes."
            )
        return _cause(
            "probation", "It was aboard an engine that died, and waits for a group to run alone on."
        )
    takers = [group for group in groups if group.intake == Intake.OPEN]
    if any(group.seats.get(job.seats or job.kind) for group in takers):
        return None
    if takers:
        kind = job.seats or job.kind
        return _cause("no_seats", f"Every group that serves {job.model} has 0 seats for {kind}.")
    alive = [group for group in groups if group.state != EngineState.STOPPED]
    if not alive:
        return _cause("no_group", f"No GPU group serves the model {job.model} right now.")
    if all(group.drained_at is not None for group in alive):
        return _cause("drained", f"Every group that serves {job.model} is drained.")
    states = ", ".join(sorted({str(group.state) for group in alive}))
    return _cause("engine_not_live", f"No engine of the model {job.model} takes jobs: {states}.")


def _coalesced(job: Job) -> dict[str, Any]:
    """It waits for the answer of another job, which may be one of another tenant that shares the cache."""
    leader = Job.objects.filter(pk__in=[job.source], tenant_id=job.tenant_id).only("id", "status").first()
    if leader is None:
        return _cause("coalesced", "The same request is being answered for somebody who shares the cache.")
    detail = f"Coalesced with job {leader.public_id}, which asks for the same and is {leader.status}."
    return _cause("coalesced", detail, job=leader.public_id)


def _busy(job: Job, ahead: int, service: eta.Service) -> dict[str, Any]:
    if not job.prepared:
        detail = f"Its images are still to be fetched; {ahead} jobs are ahead of it there."
        return _cause("preparing", detail)
    if ahead:
        return _cause("jobs_ahead", f"{ahead} {job.kind} jobs are ahead of it.")
    if service.running >= service.seats:
        return _cause("seats_busy", f"All {service.seats} {job.kind} seats are taken; it is next.")
    return _cause("none", "Nothing: a worker takes it at any moment.")


def _cause(cause: str, detail: str, **more: Any) -> dict[str, Any]:
    return {"cause": cause, "detail": detail, **more}

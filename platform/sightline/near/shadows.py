"""The sweeper's part of the checks: ask the engine again while it has time, compare, and judge.

A shadow is a job of its own that no tenant sees: no webhook hears of it, no quota counts it, no cache answers it or
keeps it. It takes the seats of the lowest class, one for each model at a time, and only while nobody waits for them.
"""

from django.db import transaction

from sightline.celery import queue_name
from sightline.clock import After
from sightline.jobs.models import Job
from sightline.jobs.services.submit import Submission, submit
from sightline.jobs.services.sweep import claimable
from sightline.jobs.status import TERMINAL, Status
from sightline.kinds import registry
from sightline.near import switch
from sightline.near.models import Check, Entry
from sightline.near.verdict import Verdict, agree
from sightline.telemetry import lifecycle

BATCH = 20
LOWEST = "ocr"
"""The kind whose seats shadows take."""
PATIENCE_S = 86_400
"""A check that found no idle moment for so long is given up."""
DEADLINE_S = 600
KEPT_S = 7 * 86_400
"""How long the shadow of a false hit stays for an operator to look at."""


def sweep() -> None:
    """One round: judge what has ended, then start what may begin."""
    settle()
    launch()


def forget() -> int:
    """Delete checks that count no more."""
    deleted, _ = Check.objects.filter(ended_at__lt=After(-switch.WINDOW_S)).delete()
    return deleted


def settle() -> int:
    """Judge the checks whose shadow has ended; how many."""
    running = Check.objects.filter(verdict=Verdict.PENDING, shadow__isnull=False).order_by("id")[:BATCH]
    settled = 0
    for check in running.select_related("job"):
        shadow = Job.objects.filter(pk=check.shadow, shadow=True).first() if check.shadow else None
        if shadow is None or shadow.status in TERMINAL:
            _judge(check, shadow)
            settled += 1
    return settled


def launch() -> int:
    """Start a shadow for each model whose lowest seats nobody waits for; how many."""
    Check.objects.filter(verdict=Verdict.PENDING, shadow=None, created_at__lt=After(-PATIENCE_S)).update(
        verdict=Verdict.VOID, ended_at=After()
    )
    pending = Check.objects.filter(verdict=Verdict.PENDING).order_by("id")
    busy = set(pending.filter(shadow__isnull=False).values_list("model", flat=True))
    launched = 0
    for check in pending.filter(shadow=None).select_related("job", "tenant")[:BATCH]:
        if check.model in busy or claimable(queue=queue_name(LOWEST, check.model), most=1):
            continue
        if check.job is None or check.job.erased_at is not None:
            _end(check, Verdict.VOID)
            continue
        _launch(check, check.job)
        busy.add(check.model)
        launched += 1
    return launched


def _launch(check: Check, hit: Job) -> None:
    submission = Submission(
        tenant=check.tenant,
        api_key=None,
        kind=hit.kind,
        model=hit.model,
        input=hit.input,
        params=hit.params,
        images=hit.images,
        replay_of=hit.pk,
        cost=registry.get(hit.kind).cost(hit.input),
        max_attempts=1,
        retention_s=KEPT_S,
        deadline_ms=DEADLINE_S * 1000,
        seats="" if hit.kind == LOWEST else LOWEST,
        shadow=True,
    )
    with transaction.atomic():  # the shadow and who knows of it, or neither
        shadow = submit(submission=submission)
        assert isinstance(shadow, Job)  # noqa: S101 (it has no idempotency key)
        Check.objects.filter(pk=check.pk).update(shadow=shadow.pk)


def _judge(check: Check, shadow: Job | None) -> None:
    hit = check.job
    comparable = shadow is not None and shadow.status == Status.SUCCEEDED
    if shadow is None or hit is None or hit.erased_at is not None or not comparable:
        _end(check, Verdict.VOID)
    elif not agree(hit.output, shadow.output):
        # The shadow stays, to be looked at.
        _false(check, hit, shadow)
        return
    else:
        _end(check, Verdict.SAME)
    if shadow is not None:
        shadow.delete()


def _false(check: Check, hit: Job, shadow: Job) -> None:
    _end(check, Verdict.DIFFERENT)
    # Whatever the rate: this answer is given to nobody else.
    Entry.objects.filter(job_id=check.source).delete()
    lifecycle.near_false(job=hit, source=check.source, shadow=shadow)
    switch.judge(kind=check.kind, model=check.model)


def _end(check: Check, verdict: Verdict) -> None:
    Check.objects.filter(pk=check.pk, verdict=Verdict.PENDING).update(verdict=verdict, ended_at=After())

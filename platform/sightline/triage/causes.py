"""Causes: counted from failures, and moved through their states by operators."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction

from sightline import clock
from sightline.audit import services as audit
from sightline.clock import After
from sightline.database import statements
from sightline.errors import Conflict, NotFound
from sightline.jobs.claims import Claim
from sightline.jobs.models import Attempt
from sightline.tenants.models import Tenant
from sightline.triage.models import Cause, CauseState, Failure

BATCH = 1000
"""Failures that one call counts: the next second goes on."""
BUCKET = timedelta(minutes=10)
KEPT = timedelta(hours=24)
"""How far back a cause remembers when its failures fell."""
_LARGEST_TALLY = 50
_OTHERS = "others"


def note_failure(*, claim: Claim, fingerprint: str) -> None:
    """Leave a failed attempt to be counted. Call it inside the transaction that records the failure."""
    statements.insert(
        Failure(
            fingerprint=fingerprint,
            job_id=claim.job_id,
            run=claim.run,
            tenant_id=claim.tenant_id,
            kind=claim.kind,
            model=claim.model,
            group=claim.group,
            at=After(),
        )
    )


def count() -> int:
    """Count the failures that nobody has counted, each exactly once; how many there were.

    A cause that was resolved and failed again afterwards has regressed.
    """
    with transaction.atomic():
        failures = list(Failure.objects.order_by("id")[:BATCH])
        if not failures:
            return 0
        by_cause: dict[str, list[Failure]] = defaultdict(list)
        for failure in failures:
            by_cause[failure.fingerprint].append(failure)
        tenants = dict(
            Tenant.objects.filter(pk__in={failure.tenant_id for failure in failures}).values_list(
                "pk", "name"
            )
        )
        known = Cause.objects.select_for_update().in_bulk(list(by_cause))
        for fingerprint, own in by_cause.items():
            cause = known.get(fingerprint) or _new(own[0])
            _add(cause, own, tenants)
            cause.save()
        Failure.objects.filter(pk__in=[failure.pk for failure in failures]).delete()
    return len(failures)


def _new(failure: Failure) -> Cause:
    attempt = Attempt.objects.filter(job_id=failure.job_id, run=failure.run).first() or Attempt()
    return Cause(
        fingerprint=failure.fingerprint,
        error_type=attempt.error_type,
        code=attempt.error_code,
        phase=attempt.phase,
        message=attempt.message[:2000],
        frames=attempt.frames or [],
        first_seen=failure.at,
        last_seen=failure.at,
    )


def _add(cause: Cause, failures: Sequence[Failure], tenants: dict[UUID, str]) -> None:
    cause.count += len(failures)
    cause.first_seen = min(cause.first_seen, *(failure.at for failure in failures))
    cause.last_seen = max(cause.last_seen, *(failure.at for failure in failures))
    for failure in failures:
        tenant = tenants.get(failure.tenant_id, "")
        for name, value in (
            ("kind", failure.kind),
            ("model", failure.model),
            ("group", failure.group),
            ("tenant", tenant),
        ):
            _tally(cause.tallies.setdefault(name, {}), value)
        bucket = bucket_of(failure.at)
        cause.buckets[bucket] = cause.buckets.get(bucket, 0) + 1
    oldest = bucket_of(cause.last_seen - KEPT)
    cause.buckets = {at: number for at, number in cause.buckets.items() if at >= oldest}
    if (
        cause.state == CauseState.RESOLVED
        and cause.resolved_at is not None
        and cause.last_seen > cause.resolved_at
    ):
        cause.state = CauseState.REGRESSED
        cause.muted_until = None


def _tally(counts: dict[str, int], value: str) -> None:
    if value:
        key = value if value in counts or len(counts) < _LARGEST_TALLY else _OTHERS
        counts[key] = counts.get(key, 0) + 1


def bucket_of(moment: datetime) -> str:
    """The ten minutes that a moment falls into, by their start: `2026-10-01T09:10`."""
    return moment.replace(minute=moment.minute // 10 * 10).strftime("%Y-%m-%dT%H:%M")


def sparkline(cause: Cause, *, now: datetime) -> list[int]:
    """Failures of the last 24 hours in steps of ten minutes, oldest first: 144 numbers."""
    starts = (now - BUCKET * back for back in range(int(KEPT / BUCKET) - 1, -1, -1))
    return [cause.buckets.get(bucket_of(start), 0) for start in starts]


# --- what operators do --------------------------------------------------------------------------------------------
def acknowledge(*, fingerprint: str, actor: str, owner: str) -> Cause:
    """Somebody works on it."""
    return _change(fingerprint, actor, "cause.acknowledge", state=CauseState.ACKNOWLEDGED, owner=owner)


def resolve(*, fingerprint: str, actor: str) -> Cause:
    """It is repaired: the next failure is a regression."""
    return _change(
        fingerprint,
        actor,
        "cause.resolve",
        state=CauseState.RESOLVED,
        resolved_at=clock.now(),
        muted_until=None,
    )


def reopen(*, fingerprint: str, actor: str) -> Cause:
    """It is open again, and nobody's."""
    return _change(fingerprint, actor, "cause.reopen", state=CauseState.OPEN, resolved_at=None, owner="")


def mute(*, fingerprint: str, actor: str, hours: float) -> Cause:
    """Keep it out of the inbox for some hours; 0: show it again. A regression ends it as well."""
    until = clock.now() + timedelta(hours=hours) if hours else None
    return _change(fingerprint, actor, "cause.mute", muted_until=until)


def annotate(*, fingerprint: str, actor: str, note: str) -> Cause:
    return _change(fingerprint, actor, "cause.note", note=note)


def _change(fingerprint: str, actor: str, action: str, **values: Any) -> Cause:
    with transaction.atomic():
        cause = Cause.objects.select_for_update().filter(pk=fingerprint).first()
        if cause is None:
            raise NotFound(f"There is no cause {fingerprint[:16]}.")
        if action == "cause.acknowledge" and cause.state == CauseState.RESOLVED:
            raise Conflict("It is resolved. Reopen it first.")
        before = _plain(cause, values)
        for name, value in values.items():
            setattr(cause, name, value)
        cause.save(update_fields=list(values))
        audit.write(
            actor=actor, action=action, subject=fingerprint, before=before, after=_plain(cause, values)
        )
    return cause


def _plain(cause: Cause, names: Iterable[str]) -> dict[str, Any]:
    found = {name: getattr(cause, name) for name in names}
    return {
        name: value.isoformat() if isinstance(value, datetime) else value for name, value in found.items()
    }

"""Prepare a job: fetch the images that it names by URL, bind them, and hand the job on to its kind's queue."""

import logging
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from django.conf import settings
from django.db import Error, connection
from pydantic import ValidationError

from sightline.cache.values import Wanted
from sightline.cache.wanting import wanted
from sightline.errors import Problem
from sightline.jobs.claims import Claim, Claimant, Failure
from sightline.jobs.services.fail import fail
from sightline.jobs.services.prepared import prepared
from sightline.jobs.status import AttemptOutcome, Status
from sightline.kinds import registry
from sightline.kinds.contract import Progress
from sightline.kinds.images import ImageRef
from sightline.kinds.unbound import pointer_to
from sightline.media import fetch
from sightline.media import services as media
from sightline.media.models import Media
from sightline.net import addresses
from sightline.net.pinned import Deadline
from sightline.telemetry import lifecycle
from sightline.tenants.models import Tenant
from sightline_workers import leases as lease_reasons
from sightline_workers.claiming import claim_next, time_limit
from sightline_workers.engines.contract import Abort, Aborted
from sightline_workers.leases import Leases
from sightline_workers.live import PROGRESS, Live, LiveText
from sightline_workers.patience import patiently

log = logging.getLogger(__name__)

UNAVAILABLE = "media_unavailable"
"""The code of a job whose images could not be had, though they may be there later."""


@dataclass(frozen=True, kw_only=True)
class _Bound:
    """A job with its media, ready for its kind's queue."""

    input: dict[str, Any]
    images: list[str]
    """Digests of the pixels, in prompt order."""
    cost: int
    timings: dict[str, float]
    """Milliseconds: prepare, total."""
    want: Callable[..., Wanted | None]
    """What to look for in the cache, given the job's mode and ttl_s."""


class Preparer:
    """Prepares jobs for one worker process; its methods are called from many threads."""

    def __init__(self, *, leases: Leases) -> None:
        self._leases = leases
        self._live = Live()
        # No group: the cpu worker serves all of them, and no engine's death concerns it.
        self._claimant = Claimant(worker=leases.worker, group="", engine="")

    def run_next(self, *, queue: str, celery_task_id: str) -> dict[str, str] | None:
        """Claim the next job of the queue and prepare it; None when there was nothing to claim."""
        claim = claim_next(queue=queue, claimant=self._claimant, celery_task_id=celery_task_id)
        if claim is None:
            return None
        limit_s, at_limit = time_limit(claim)
        with (
            self._live.following(claim) as text,
            self._leases.holding(claim, limit_s=limit_s, reason_at_limit=at_limit) as abort,
        ):
            ending = _prepare(claim, abort, limit_s, at_limit, text)
            status = patiently(lambda: _write(claim, ending), job=claim.public_id) if ending else None
        return {"job": claim.public_id, "status": str(status) if status else "fenced off"}


def _prepare(
    claim: Claim, abort: Abort, limit_s: float, at_limit: str, text: LiveText
) -> _Bound | Failure | None:
    """The bound job, the classified failure, or None when the claim is no longer ours."""
    began = time.monotonic()
    try:
        return _bind(claim, abort, began, limit_s, at_limit, text)
    except Aborted as aborted:
        return _of_abort(aborted, began)
    except _Unusable as error:
        if abort.reason is not None:
            return _of_abort(Aborted(abort.reason), began)
        return _of_problem(error, began)
    except ValidationError as error:
        # Accepted by an earlier version of the kind's schema.
        return _failure(AttemptOutcome.PERMANENT, "invalid_input", str(error), error, began)
    except (Error, OSError) as error:
        connection.close()
        message = "The platform could not store what the job needs."
        return _failure(AttemptOutcome.TRANSIENT, "storage_unavailable", message, error, began)
    except Exception as error:
        # A bug of ours: spend a try, and keep the worker alive.
        log.exception("event=prepare_error job=%s", claim.public_id)
        return _failure(AttemptOutcome.TRANSIENT, "internal_error", f"Internal error: {error}", error, began)


def _bind(claim: Claim, abort: Abort, began: float, limit_s: float, at_limit: str, text: LiveText) -> _Bound:
    kind = registry.get(claim.kind)
    inputs = kind.Input.model_validate(claim.input)
    tenant = Tenant.objects.get(pk=claim.tenant_id)
    found: list[Media] = []
    refs = kind.image_refs(inputs)
    for ref in refs:
        if abort.reason is not None:
            raise Aborted(abort.reason)
        left_s = limit_s - (time.monotonic() - began)
        if left_s <= 0:
            raise Aborted(at_limit)
        try:
            found.append(_obtain(tenant, ref, abort, left_s))
        except Problem as problem:
            if limit_s - (time.monotonic() - began) <= 0:
                raise Aborted(at_limit) from problem
            raise _Unusable(problem, _pointer(claim.input, ref)) from problem
        if len(refs) > 1:
            progress = Progress(done=len(found), total=len(refs), unit="image")
            text.tell(PROGRESS, {"phase": "prepare", **asdict(progress)})
    spent_ms = _ms_since(began)
    return _Bound(
        input=kind.bind(inputs, [media.stored_image(item) for item in found]),
        images=[item.pixel_sha256 for item in found],
        cost=kind.cost(inputs),
        timings={"prepare": spent_ms, "total": spent_ms},
        want=partial(
            wanted,
            tenant=tenant,
            kind=kind,
            inputs=inputs,
            params=claim.params,
            media=found,
            model=claim.model,
        ),
    )


def _obtain(tenant: Tenant, ref: ImageRef, abort: Abort, timeout_s: float) -> Media:
    if ref.url is not None:
        deadline = Deadline(min(timeout_s, fetch.TIMEOUT_S))
        abort.attach(deadline.interrupt)  # a cancelled job does not wait for a slow server
        try:
            return media.fetch_and_ingest(
                tenant=tenant, url=ref.url, policy=addresses.from_settings(), deadline=deadline
            )
        finally:
            abort.detach(deadline.interrupt)
    (stored,) = media.for_refs(tenant=tenant, refs=[ref])
    if stored is None:
        raise RuntimeError("a reference that is neither a URL nor stored")
    return stored


class _Unusable(Exception):
    """An image of the job was refused, or could not be had."""

    def __init__(self, problem: Problem, pointer: str) -> None:
        super().__init__(problem.detail)
        self.problem = problem
        self.pointer = pointer


def _pointer(input: dict[str, Any], ref: ImageRef) -> str:
    source, text = ("url", ref.url) if ref.url is not None else ("upload_id", ref.upload_id)
    return pointer_to(input, source, text or "")


def _write(claim: Claim, ending: _Bound | Failure) -> Status | None:
    if isinstance(ending, Failure):
        status = fail(claim=claim, failure=ending)
    else:
        status = prepared(
            claim=claim,
            input=ending.input,
            images=ending.images,
            cost=ending.cost,
            timings=ending.timings,
            want=ending.want,
        )
    if status is None:
        lifecycle.fenced_off(claim)
    return status


def _of_abort(aborted: Aborted, began: float) -> Failure | None:
    match aborted.reason:
        case lease_reasons.DRAIN:
            message = "The worker was shut down and handed the job back."
            return _failure(AttemptOutcome.RELEASED, "worker_draining", message, aborted, began)
        case lease_reasons.TIMEOUT:
            message = f"Fetching the images took longer than {settings.ATTEMPT_TIMEOUT_S:.0f} s."
            return _failure(AttemptOutcome.TRANSIENT, UNAVAILABLE, message, aborted, began)
        case lease_reasons.DEADLINE:
            message = "The deadline passed while the job's images were fetched."
            return _failure(AttemptOutcome.EXPIRED, "deadline_exceeded", message, aborted, began)
        case _:
            return None


def _of_problem(error: _Unusable, began: float) -> Failure:
    problem = error.problem
    message = f"{error.pointer}: {problem.detail}"
    if problem.retryable:
        return _failure(AttemptOutcome.TRANSIENT, UNAVAILABLE, message, problem, began, error.pointer)
    return _failure(AttemptOutcome.PERMANENT, problem.code, message, problem, began, error.pointer)


def _failure(
    outcome: AttemptOutcome, code: str, message: str, error: BaseException, began: float, pointer: str = ""
) -> Failure:
    return Failure(
        outcome=outcome,
        code=code,
        message=message,
        error_type=type(error).__name__,
        phase="prepare",
        pointer=pointer,
        timings={"prepare": _ms_since(began), "total": _ms_since(began)},
    )


def _ms_since(began: float) -> float:
    return round((time.monotonic() - began) * 1000, 2)

"""From a request to an accepted job: validate, admit, bind media, submit."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.db import IntegrityError
from pydantic import BaseModel

from sightline.api.authentication import Sender
from sightline.api.native.representation import accepted, full
from sightline.api.native.request import JobRequest, SessionRef, read_request
from sightline.cache.options import mode_of
from sightline.cache.wanting import wanted
from sightline.celery import PREPARE, queue_name
from sightline.errors import FieldError, InvalidInput, Problem
from sightline.jobs import admission, eta
from sightline.jobs.models import Job
from sightline.jobs.services.submit import Idempotency, Replayed, Submission, replayed, submit
from sightline.jobs.storable import storable
from sightline.kinds.images import ImageRef
from sightline.kinds.registry import KINDS
from sightline.kinds.unbound import name_uploads
from sightline.media import services as media
from sightline.media.models import Media
from sightline.media.refusal import MediaRefused
from sightline.net.urls import check_url
from sightline.sessions.services import reading as sessions
from sightline.sessions.services.going_on import go_on
from sightline.sessions.values import Going, Seen
from sightline.tenants.models import ApiKey, Tenant

ROUTE = "POST /api/v1/jobs"
LONGEST_KEY = 255


class KindForbidden(Problem):
    code, status = "kind_forbidden", 403


class ModelForbidden(Problem):
    code, status = "model_forbidden", 403


def accept(
    *,
    principal: Sender,
    body: Any,
    files: Mapping[str, UploadedFile[Any]],
    key: str | None,
    seats: str = "",
    route: str = ROUTE,
    replay_of: UUID | None = None,
) -> Job | Replayed:
    """The accepted job, or the first answer under the same idempotency key.

    `seats` is the kind whose seats the job takes, where that is not its own; `replay_of` the job it is made from.
    """
    idempotency = _idempotency(key, body, files, route)
    if idempotency is not None and (first := replayed(tenant=principal.tenant, idempotency=idempotency)):
        return first
    request, inputs, params = read_request(body)
    model = _model(request.model)
    refuse_forbidden(principal.key, {request.kind, seats or request.kind}, model)
    seen: Seen | None = None
    if request.session is not None:
        going = _going_on(principal, request, request.session, model, body, params)
        seen, body = going.seen, {**body, "input": going.input}
        request, inputs, params = read_request(body)
    queue = queue_name(seats or request.kind, model)
    fetches = any(ref.url is not None for ref in KINDS[request.kind].image_refs(inputs))
    admitted: list[str] = []

    def admit() -> None:
        _refuse_unreachable(principal.tenant, queue, request.deadline_ms)
        for name in (PREPARE, queue) if fetches else (queue,):
            _admit(principal, name)
            admitted.append(name)

    # What may be answered without a seat asks for a place last; everything else before its images are decoded.
    late = not fetches and bool(_mode(request, params))
    try:
        if not late:
            admit()
        submission = _submission(principal, request, model, inputs, params, files, body["input"], seats)
        found = submit(
            submission=replace(submission, replay_of=replay_of, session=seen, actor=principal.actor),
            idempotency=idempotency,
            render=first_answer,
            admit=admit if late else None,
        )
        if isinstance(found, Replayed) or found.source is not None:
            _withdraw(principal, admitted)
        return found
    except IntegrityError as error:
        _withdraw(principal, admitted)
        if idempotency is None:
            raise
        raise Problem(
            "The first request with this Idempotency-Key is still being accepted.",
            code="idempotency_in_progress",
            status=409,
            retryable=True,
            retry_after_s=1,
        ) from error
    except BaseException:
        _withdraw(principal, admitted)
        raise


def first_answer(job: Job) -> dict[str, Any]:
    """What its submission is answered with: the whole job when the cache ended it."""
    return full(job, attempts=()) if job.ended else accepted(job)


def submission(*, principal: Sender, body: Any, seats: str = "") -> Submission:
    """A validated request of many that are submitted together, its media stored; the caller admits it."""
    request, inputs, params = read_request(body)
    if request.session is not None:
        detail = "Requests that are submitted together run side by side: none of them goes on from a session."
        raise InvalidInput(detail, errors=[FieldError(pointer="/session", detail=detail)])
    model = _model(request.model)
    refuse_forbidden(principal.key, {request.kind, seats or request.kind}, model)
    return _submission(principal, request, model, inputs, params, {}, body["input"], seats)


def _going_on(
    principal: Sender, request: JobRequest, ref: SessionRef, model: str, body: Any, params: BaseModel
) -> Going:
    """The request with its session's history before it; 422 for a session that is not the tenant's."""
    session = sessions.find(tenant=principal.tenant, public_id=ref.id)
    if session is None:
        detail = f"There is no session {ref.id}."
        raise InvalidInput(detail, errors=[FieldError(pointer="/session/id", detail=detail)])
    return go_on(
        session=session,
        kind=request.kind,
        model=model,
        input=body["input"],
        params=dict(params),
        version=ref.version,
    )


def refuse_forbidden(key: ApiKey | None, kinds: Collection[str], model: str) -> None:
    """403 for kinds and models that the key may not submit to; without one, there is nothing to refuse."""
    if key is None:
        return
    for kind in kinds:
        if key.kinds and kind not in key.kinds:
            raise KindForbidden(f"This key may not submit {kind} jobs.")
    if key.model_tags and model not in key.model_tags:
        raise ModelForbidden(f"This key may not submit to the model {model}.")


def _admit(principal: Sender, queue: str) -> None:
    try:
        principal.states.extend(admission.admit(tenant=principal.tenant, queue=queue))
    except admission.Refused as refusal:
        principal.states.extend(refusal.states)
        raise


def _withdraw(principal: Sender, queues: Sequence[str]) -> None:
    for name in queues:
        admission.withdraw(tenant=principal.tenant, queue=name)


def named(*, key: str | None, body: Any, route: str) -> Idempotency | None:
    """The name of a request without files; None when its client gave it none."""
    return _idempotency(key, body, {}, route)


def _idempotency(
    key: str | None, body: Any, files: Mapping[str, UploadedFile[Any]], route: str
) -> Idempotency | None:
    if key is None:
        return None
    if not 1 <= len(key) <= LONGEST_KEY or not key.isascii() or not key.isprintable():
        raise InvalidInput(f"An Idempotency-Key has 1 to {LONGEST_KEY} printable ASCII characters.")
    digest = hashlib.sha256(json.dumps(body, sort_keys=True, separators=(",", ":")).encode())
    for file in files.values():
        digest.update(b"\x00")
        for chunk in file.chunks():
            digest.update(chunk)
        file.seek(0)
    return Idempotency(key=key, route=route, body_sha256=digest.hexdigest())


def _model(tag: str | None) -> str:
    if tag is None:
        return settings.DEFAULT_MODEL
    if tag not in settings.MODELS:
        detail = f"There is no model tag {tag[:60]!r}; there are " + ", ".join(settings.MODELS) + "."
        raise InvalidInput(f"/model: {detail}", errors=[FieldError(pointer="/model", detail=detail)])
    return tag


def _refuse_unreachable(tenant: Tenant, queue: str, deadline_ms: int | None) -> None:
    if deadline_ms is None:
        return
    # There is no turn yet, but the tenant's own waiting jobs all come before this one.
    soonest = eta.service(queue).eta_ms(eta.own_ahead(tenant_id=tenant.pk, queue=queue))
    if soonest is not None and soonest[0] > deadline_ms:
        detail = f"At best the job ends in {soonest[0]} ms, which is after its deadline of {deadline_ms} ms."
        raise InvalidInput(
            detail,
            code="deadline_unreachable",
            retryable=True,
            errors=[FieldError(pointer="/deadline_ms", detail=detail)],
        )


def _submission(
    principal: Sender,
    request: JobRequest,
    model: str,
    inputs: BaseModel,
    params: BaseModel,
    files: Mapping[str, UploadedFile[Any]],
    sent: dict[str, Any],
    seats: str,
) -> Submission:
    kind = KINDS[request.kind]
    refs = kind.image_refs(inputs)
    stored = _store(principal, refs, _pointers(inputs, len(refs)), files)
    present = [item for item in stored if item is not None]
    to_fetch = len(stored) - len(present)
    if to_fetch:
        # As it was sent, except that what is stored already goes by its id.
        bound = storable(name_uploads(sent, _uploads(refs, stored)))
    else:
        bound = kind.bind(inputs, [media.stored_image(item) for item in present])
    given = params.model_dump(mode="json", exclude_unset=True)
    mode, ttl_s = _mode(request, params), request.cache.ttl_s if request.cache else None
    return Submission(
        tenant=principal.tenant,
        api_key=principal.key,
        kind=request.kind,
        model=model,
        input=bound,
        params=given,
        cache_mode=mode,
        cache_ttl_s=ttl_s if mode else None,
        cache=None
        if to_fetch
        else wanted(
            tenant=principal.tenant,
            kind=kind,
            inputs=inputs,
            params=given,
            media=present,
            model=model,
            mode=mode,
            ttl_s=ttl_s,
        ),
        images=[item.pixel_sha256 for item in present],
        media=tuple(dict.fromkeys(item.pk for item in present)),
        to_fetch=to_fetch,
        seats=seats,
        stream=request.stream,
        webhook_url=request.webhook.url if request.webhook else "",
        cost=kind.cost(inputs),
        max_attempts=request.max_attempts or settings.MAX_ATTEMPTS,
        retention_s=request.retention_s or settings.RETENTION_S,
        deadline_ms=request.deadline_ms,
        tags=list(dict.fromkeys(request.tags)),
        metadata=dict(request.metadata),
    )


def _mode(request: JobRequest, params: BaseModel) -> str:
    return mode_of(request.cache, kind=KINDS[request.kind], params=dict(params))


def _pointers(inputs: BaseModel, count: int) -> list[str]:
    """Where the images stand in the request; a chat's messages are named as a whole."""
    if getattr(inputs, "images", None):
        return [f"/input/images/{index}" for index in range(count)]
    return ["/input/messages"] * count


def _store(
    principal: Sender,
    refs: Sequence[ImageRef],
    pointers: Sequence[str],
    files: Mapping[str, UploadedFile[Any]],
) -> list[Media | None]:
    """The media that the references name, None for a URL; an address that may never be fetched is refused at once."""
    for ref, pointer in zip(refs, pointers, strict=True):
        if ref.url is not None:
            _refuse_address(ref.url, f"{pointer}/url")
    return [_stored(principal, ref, pointer, files) for ref, pointer in zip(refs, pointers, strict=True)]


def _stored(
    principal: Sender, ref: ImageRef, pointer: str, files: Mapping[str, UploadedFile[Any]]
) -> Media | None:
    file = files.get(ref.upload_id or "")
    if file is not None:
        try:
            return media.ingest(tenant=principal.tenant, data=file.read(), filename=file.name)
        except MediaRefused as refusal:
            raise refusal.at(pointer) from refusal.__cause__
    (found,) = media.for_refs(tenant=principal.tenant, refs=[ref], pointers=[pointer])
    return found


def _refuse_address(url: str, pointer: str) -> None:
    try:
        check_url(url)
    except Problem as problem:
        raise InvalidInput(
            problem.detail, errors=[FieldError(pointer=pointer, detail=problem.detail)]
        ) from problem


def _uploads(refs: Sequence[ImageRef], stored: Sequence[Media | None]) -> dict[str, str]:
    """The id of the upload that each reference to stored media became, by what the request says."""
    pairs = ((ref.data or ref.upload_id or "", item) for ref, item in zip(refs, stored, strict=True))
    return {source: item.public_id for source, item in pairs if item is not None}

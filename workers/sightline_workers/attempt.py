"""One attempt, start to end: claim → messages → engine → parse → finish. Every way out leaves through one door."""

import hashlib
import hmac
import logging
import time
import traceback
from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path

from django.conf import settings
from django.db import Error, connection

from sightline.events.tool_calls import CallPiece
from sightline.jobs import wakeups
from sightline.jobs.claims import Claim, Claimant, Failure, Result
from sightline.jobs.services.fail import fail
from sightline.jobs.services.finish import finish
from sightline.jobs.services.inherit import inherited
from sightline.jobs.status import AttemptOutcome, Status
from sightline.kinds import registry
from sightline.kinds.contract import Call, Image, Outcome, Reply, UnusableOutput
from sightline.kinds.contract import Usage as CallUsage
from sightline.kinds.images import bound_media
from sightline.kinds.repetition import is_looping
from sightline.telemetry import lifecycle
from sightline_workers import leases as lease_reasons
from sightline_workers.budget import Budget, estimate
from sightline_workers.claiming import claim_next, time_limit
from sightline_workers.engine_media import Held, JobImages
from sightline_workers.engines import contract
from sightline_workers.engines.contract import Abort, Aborted, Completion, Engine, EngineError, EngineRequest
from sightline_workers.leases import Leases
from sightline_workers.live import ITEM, PROGRESS, Live, LiveText
from sightline_workers.membership import Membership
from sightline_workers.messages import image_indexes, render
from sightline_workers.patience import patiently
from sightline_workers.priority import priority

log = logging.getLogger(__name__)

UNREAD_TOKENS = 16
"""Tokens that come together while nobody reads: each delta costs vLLM's server, this process and the kernel about
a tenth of a millisecond, together more than all else that a short answer needs. Who begins to read later sees text
in such steps; more than that, and a repetition would be noticed late."""
MOST_SAID = 65_536
"""Characters that are kept of an answer that could not be parsed."""
_PACKAGES = ("sightline", "sightline_workers")


@dataclass(kw_only=True)
class _Progress:
    """What an attempt knows about itself while it runs."""

    began: float = field(default_factory=time.monotonic)
    phase: str = "prepare"
    prepare_s: float = 0.0
    ttft_s: float | None = None
    decode_s: float = 0.0
    input_tokens: int = 0
    image_tokens: int = 0
    output_tokens: int = 0
    said: list[str] = field(default_factory=list)

    def add(self, completion: Completion) -> None:
        self.said.append(completion.text)
        if self.ttft_s is None:
            self.ttft_s = completion.ttft_s
        self.decode_s += completion.decode_s
        self.input_tokens += completion.usage.input_tokens
        self.image_tokens += completion.usage.image_tokens
        self.output_tokens += completion.usage.output_tokens

    def timings(self) -> dict[str, float]:
        """Milliseconds: prepare, ttft (of the first call), decode (of all calls), total."""
        total = time.monotonic() - self.began
        parts = {
            "prepare": self.prepare_s,
            "ttft": self.ttft_s or 0.0,
            "decode": self.decode_s,
            "total": total,
        }
        return {name: round(seconds * 1000, 2) for name, seconds in parts.items()}

    def usage(self) -> dict[str, int]:
        return {
            "input_tokens": self.input_tokens,
            "image_tokens": self.image_tokens,
            "output_tokens": self.output_tokens,
        }


class Runner:
    """Runs attempts for one worker process; its methods are called from many threads."""

    def __init__(self, *, member: Membership, engine: Engine, leases: Leases, budget: Budget | None) -> None:
        self._member = member
        self._engine = engine
        self._leases = leases
        self._budget = budget
        self._live = Live()
        self._held = Held()
        self._claimant = Claimant(worker=leases.worker, group=member.group, engine=member.engine_url)

    def run_next(self, *, queue: str, celery_task_id: str) -> dict[str, str] | None:
        """Claim the next job of the queue and bring it to an end; None when there was nothing to claim."""
        claim = claim_next(queue=queue, claimant=self._claimant, celery_task_id=celery_task_id)
        if claim is None:
            return None
        limit_s, at_limit = time_limit(claim)
        with (
            self._live.following(claim) as text,
            self._leases.holding(claim, limit_s=limit_s, reason_at_limit=at_limit) as abort,
        ):
            ending = self._perform(claim, abort, limit_s, at_limit, text)
            status = patiently(lambda: _write(claim, ending), job=claim.public_id) if ending else None
        if claim.suspect:
            # Suspects run one at a time: the wake-ups of the others were spent while this one ran.
            wakeups.publish(queue=queue)
        return {"job": claim.public_id, "status": str(status) if status else "fenced off"}

    def _perform(
        self, claim: Claim, abort: Abort, limit_s: float, at_limit: str, text: LiveText
    ) -> Result | Failure | None:
        """The result, the classified failure, or None when the claim is no longer ours."""
        progress = _Progress()
        try:
            if limit_s <= 0:
                raise Aborted(at_limit)
            return self._converse(claim, abort, limit_s, progress, text)
        except Aborted as aborted:
            return _of_abort(aborted, progress)
        except EngineError as error:
            if abort.reason is not None:  # the connection broke because we broke it
                return _of_abort(Aborted(abort.reason), progress)
            if time.monotonic() - progress.began >= limit_s:  # the request noticed before the leases did
                return _of_abort(Aborted(at_limit), progress)
            return _of_engine(error, progress, died=error.code == "engine_reset" and self._engine_is_gone())
        except UnusableOutput as error:
            failure = _failure(AttemptOutcome.PERMANENT, error.code, error.message, error, progress)
            return replace(failure, said=_last(progress.said, MOST_SAID))
        except FileNotFoundError as error:
            message = "An image of this job is no longer stored."
            return _failure(AttemptOutcome.PERMANENT, "media_missing", message, error, progress)
        except (Error, OSError) as error:
            message = "The platform could not read what the job needs."
            return _failure(AttemptOutcome.TRANSIENT, "storage_unavailable", message, error, progress)
        except Exception as error:
            # A bug of ours: spend a try, keep the frames for the operator, and keep the worker alive.
            log.exception("event=attempt_error job=%s", claim.public_id)
            return _failure(
                AttemptOutcome.TRANSIENT, "internal_error", f"Internal error: {error}", error, progress
            )

    def _converse(
        self, claim: Claim, abort: Abort, limit_s: float, progress: _Progress, text: LiveText
    ) -> Result:
        stored = bound_media(claim.input)
        pictures = JobImages.of(claim, stored)
        images = [Image(index=i, width=m["width"], height=m["height"]) for i, m in enumerate(stored)]
        if connection.vendor != "sqlite":
            # No database connection while the engine works: a pool of 16 serves hundreds of seats. SQLite's is
            # no more than an open file, and opening it anew costs half a millisecond and its caches.
            connection.close()
        conversation = registry.get(claim.kind).run(input=claim.input, params=claim.params, images=images)
        progress.prepare_s = time.monotonic() - progress.began
        reply: Reply | None = None
        number = 0
        while True:
            progress.phase = "parse" if reply is not None else "prepare"
            try:
                call = next(conversation) if reply is None else conversation.send(reply)
            except StopIteration as end:
                outcome: Outcome = end.value
                _tell(text, outcome)
                break
            _tell(text, call)
            progress.phase = "engine"
            number += 1
            remaining = limit_s - (time.monotonic() - progress.began)
            request = replace(
                self._request(claim, call, max(0.001, remaining), number),
                tokens_a_delta=1 if text.wanted else UNREAD_TOKENS,
            )
            text.call(call.label)
            send = partial(self._send, claim, estimate(call, images), abort, text)
            completion = self._show(request, pictures, send)
            progress.add(completion)
            reply = Reply(
                text=completion.text,
                finish=completion.finish_reason,
                tool_calls=tuple(
                    {**call, "id": _call_id(claim, index)} for index, call in enumerate(completion.tool_calls)
                ),
                reasoning=completion.reasoning,
                usage=CallUsage(
                    input_tokens=completion.usage.input_tokens,
                    image_tokens=completion.usage.image_tokens,
                    output_tokens=completion.usage.output_tokens,
                ),
                model=claim.model,
            )
        progress.phase = "finish"
        text.complete()  # before the result is written: whoever sees the end has all of the text
        return Result(
            output=outcome.output,
            complete=outcome.complete,
            finish_reason=outcome.finish_reason,
            usage=progress.usage(),
            timings=progress.timings(),
        )

    def _show(
        self, request: EngineRequest, pictures: JobImages, send: Callable[[EngineRequest], Completion]
    ) -> Completion:
        """Send a request, its images by name where the engine holds them.

        It may have let go of one, or have been restarted: it says so before it has done any work, and then
        everything goes along once more, in the same attempt and without a try spent.
        """
        pixels = {pictures.name(i): pictures.pixels(i) for i in image_indexes(request.messages)}

        def with_images(held: Collection[str]) -> EngineRequest:
            messages = render(request.messages, pictures.load, name=pictures.name, held=held)
            return replace(request, messages=messages)

        held = self._held.among(pixels)
        try:
            completion = send(with_images(held))
        except EngineError as error:
            if error.code != "image_not_cached" or not held:
                raise
            self._held.forget(held)
            completion = send(with_images(()))
        self._held.keep(pixels)
        return completion

    def _send(
        self, claim: Claim, tokens: int, abort: Abort, text: LiveText, request: EngineRequest
    ) -> Completion:
        def call_tool(piece: CallPiece) -> None:
            first = piece.id or piece.name
            text.call_tool(replace(piece, id=_call_id(claim, piece.index) if first else ""))

        run = partial(self._engine.stream, on_delta=text.say, on_tool_call=call_tool, should_stop=is_looping)
        if self._budget is None:
            return run(request, abort=abort)
        with self._budget.reserve(tokens, kind=self._member.kind, abort=abort):
            return run(request, abort=abort)

    def _request(self, claim: Claim, call: Call, timeout_s: float, number: int) -> EngineRequest:
        """The request with its images as the kind named them; `_show` fills them in."""
        sampling = dict(call.sampling)
        if call.tool_choice is not None:
            sampling["tool_choice"] = call.tool_choice
        if pixels := claim.params.get("pixels"):
            edges = {"shortest_edge": pixels.get("min"), "longest_edge": pixels.get("max")}
            sampling["mm_processor_kwargs"] = {"size": {name: edge for name, edge in edges.items() if edge}}
        return EngineRequest(
            model=self._member.served_model,
            messages=call.messages,
            sampling=sampling,
            # By its queue: a chat job may have bought the seats of another kind.
            priority=priority(claim.queue.partition(".")[0], claim.claimed_at),
            cache_salt=_salt(claim),
            structured_outputs=call.structured_outputs,
            response_format=call.response_format,
            tools=call.tools,
            timeout_s=timeout_s,
            request_id=f"{claim.public_id}-{claim.run}-{number}",
        )

    def _engine_is_gone(self) -> bool:
        """Does nobody listen at the engine's address? Then a reset was its death, and the request was aboard."""
        try:
            self._engine.models()
        except EngineError as error:
            return error.code == "engine_unavailable"
        return False


def _call_id(claim: Claim, index: int) -> str:
    """The same in every attempt: a client that was told it before one failed goes on with it."""
    return f"call_{hashlib.blake2s(f'{claim.job_id}/{index}'.encode(), digest_size=12).hexdigest()}"


def _tell(text: LiveText, told: Call | Outcome) -> None:
    """What readers learn before the end: the parts of the output that are complete, and how far the job is."""
    for item in told.items:
        text.tell(ITEM, {"type": item.type, "index": item.index, "item": item.data})
    if (progress := told.progress) is not None:
        text.tell(PROGRESS, {"phase": "engine", **asdict(progress)})


def _write(claim: Claim, ending: Result | Failure) -> Status | None:
    status = _end(claim, ending)
    if status is None and (heir := inherited(claim)) is not None:
        status = _end(heir, _for_heir(heir, ending))
    if status is None:
        lifecycle.fenced_off(claim)
    return status


def _end(claim: Claim, ending: Result | Failure) -> Status | None:
    if isinstance(ending, Failure):
        return fail(claim=claim, failure=ending)
    written = finish(claim=claim, result=ending)
    return (Status.SUCCEEDED if ending.complete else Status.INCOMPLETE) if written else None


def _for_heir(heir: Claim, ending: Result | Failure) -> Result | Failure:
    """The same, unless it was the deadline of the job before that stopped the attempt: that is no failure of this."""
    own = heir.deadline_in_s is not None and heir.deadline_in_s <= 0
    if isinstance(ending, Failure) and ending.outcome is AttemptOutcome.EXPIRED and not own:
        return replace(ending, outcome=AttemptOutcome.RELEASED, code="attempt_released", retry_after_s=0.0)
    return ending


def _salt(claim: Claim) -> str:
    """Keeps the engine's prefix cache apart by tenant, without telling the engine who the tenant is."""
    return hmac.new(settings.SECRET_KEY.encode(), claim.tenant_id.bytes, hashlib.sha256).hexdigest()[:32]


def _of_abort(aborted: Aborted, progress: _Progress) -> Failure | None:
    match aborted.reason:
        case lease_reasons.DRAIN:
            message = "The worker was shut down and handed the job back."
            return _failure(
                AttemptOutcome.RELEASED, "worker_draining", message, aborted, progress, pause_s=0.0
            )
        case lease_reasons.TIMEOUT:
            message = f"The attempt took longer than {settings.ATTEMPT_TIMEOUT_S:.0f} s."
            return _failure(AttemptOutcome.TRANSIENT, "attempt_timeout", message, aborted, progress)
        case lease_reasons.DEADLINE:
            message = "The deadline passed while the job ran."
            return _failure(AttemptOutcome.EXPIRED, "deadline_exceeded", message, aborted, progress)
        case _:
            return None


def _of_engine(error: EngineError, progress: _Progress, *, died: bool) -> Failure:
    if died:
        message = f"The engine died before it answered: {error.message}"
        return _failure(AttemptOutcome.CRASH, "engine_crashed", message, error, progress)
    if error.code == "engine_unavailable":
        # Nobody was there to take the request: no work was done, so no try is spent.
        return _failure(AttemptOutcome.RELEASED, error.code, error.message, error, progress, pause_s=1.0)
    outcome = {
        contract.Failure.PERMANENT: AttemptOutcome.PERMANENT,
        contract.Failure.TRANSIENT: AttemptOutcome.TRANSIENT,
        contract.Failure.CRASH: AttemptOutcome.CRASH,
    }[error.failure]
    return _failure(outcome, error.code, error.message, error, progress, pause_s=error.retry_after_s)


def _failure(
    outcome: AttemptOutcome,
    code: str,
    message: str,
    error: BaseException,
    progress: _Progress,
    *,
    pause_s: float | None = None,
) -> Failure:
    return Failure(
        outcome=outcome,
        code=code,
        message=message,
        error_type=type(error).__name__,
        phase=progress.phase,
        frames=_frames(error),
        retry_after_s=pause_s,
        timings=progress.timings(),
    )


def _last(texts: list[str], most: int) -> tuple[str, ...]:
    """The texts up to so many characters; what is too much is missing at the beginning."""
    kept: list[str] = []
    for text in reversed(texts):
        if most <= 0:
            break
        kept.append(text[-most:])
        most -= len(kept[-1])
    return tuple(reversed(kept))


def _frames(error: BaseException) -> tuple[str, ...]:
    """Our own frames of the traceback, innermost last, without the machine's paths."""
    frames = []
    for frame in traceback.extract_tb(error.__traceback__):
        parts = Path(frame.filename).parts
        for package in _PACKAGES:
            if package in parts:
                place = "/".join(parts[len(parts) - 1 - parts[::-1].index(package) :])
                frames.append(f"{place}:{frame.lineno} {frame.name}")
                break
    return tuple(frames[-12:])

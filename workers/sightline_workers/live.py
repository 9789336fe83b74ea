"""Sends the text of running attempts to whoever reads it, and touches Redis only for those.

An attempt asks once whether it is read, before it begins. After that one thread per process asks every second for
those that were not, gathers what the engine's threads leave here, and writes for all of them in one round trip, each
at most `PER_S` times a second: an engine's thread never waits for Redis while text comes.
"""

import json
import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from redis import Redis, RedisError

from sightline.events.live import TTL_S, Piece, stream_key, wanted_key
from sightline.events.notify import ended_channel
from sightline.events.tool_calls import CallPiece, take_back
from sightline.jobs.claims import Claim
from sightline.redis_client import RedisAway, call
from sightline_workers.live_call import LiveCall

log = logging.getLogger(__name__)

PER_S = 25.0
"""Writes a second, at most, for each attempt."""
LOOK_EVERY_S = 1.0
"""How often an attempt that nobody reads is asked about again."""
ITEM = "output.item"
PROGRESS = "job.progress"
_LAST_WORD_S = 1.0
_AWAY_S = 0.5


class LiveText:
    """The text of one attempt. `call`, `say` and `call_tool` come from the attempt's thread."""

    def __init__(self, live: "Live", claim: Claim) -> None:
        self.job_id = claim.job_id
        self.key = stream_key(claim.job_id, claim.fence)
        self.wanted_key = wanted_key(claim.job_id)
        self.channel = ended_channel(claim.job_id)
        self.wanted = False
        self.look_at = 0.0
        """When the thread asks whether it is read."""
        self.write_at = 0.0
        self.ending = False
        self.ended = threading.Event()
        self._live = live
        self._calls: list[LiveCall] = []
        self._before = LiveCall(label="")  # what is told before the first call
        self._items: list[dict[str, Any]] = []
        """The data of every `output.item` that was written."""
        self._number = 0
        self._anew = True  # the next entry holds the whole text

    def call(self, label: str) -> None:
        """A call to the engine begins."""
        with self._live.changed:
            self._calls.append(LiveCall(label=label))

    def say(self, text: str) -> None:
        """A piece of the present call's text."""
        with self._live.changed:
            part = self._calls[-1]
            quiet = not part.due
            part.waiting += text
            self._wake(quiet)

    def call_tool(self, piece: CallPiece) -> None:
        """A piece of a tool call that the present call makes."""
        with self._live.changed:
            part = self._calls[-1]
            quiet = not part.due
            part.call_tool(piece)
            self._wake(quiet)

    def tell(self, event: str, data: dict[str, Any]) -> None:
        """`output.item` or `job.progress`, after all text that came before it."""
        with self._live.changed:
            (self._calls[-1] if self._calls else self._before).told.append((event, data))
            self._wake(True)

    def _wake(self, quiet: bool) -> None:
        """The thread is told of what came, unless it knows that there is something."""
        if quiet and self.wanted:
            self._live.changed.notify()

    def complete(self) -> None:
        """There is no more text. Waits until readers could see that, for a second at most, and not without any."""
        with self._live.changed:
            if not self.wanted:
                return
            self.ending = True
            self._live.changed.notify()
        self.ended.wait(_LAST_WORD_S)

    @property
    def due(self) -> bool:
        """Is there something to write?"""
        parts = (self._before, *self._calls)
        return self.wanted and (self.ending or any(part.due for part in parts))

    def take(self) -> list[Piece]:
        """What is to be written now."""
        pieces = self._told(self._before)
        for index, part in enumerate(self._calls):
            pieces += [self._piece(call=index, **said) for said in part.take()]
            pieces += self._told(part)
        if self.ending:
            self._number += 1
            pieces.append(Piece(number=self._number, end=True))
        return pieces

    def _told(self, part: LiveCall) -> list[Piece]:
        told, part.told = part.told, []
        pieces = []
        for event, data in told:
            if event == ITEM:
                self._items.append(data)
            pieces.append(self._piece(event=event, data=data))
        return pieces

    def _piece(self, **what: Any) -> Piece:
        self._number += 1
        if self._anew:
            what |= self._so_far()
        self._anew = False
        return Piece(number=self._number, **what)

    def _so_far(self) -> dict[str, Any]:
        return {
            "so_far": tuple(part.written for part in self._calls),
            "items": tuple(self._items),
            "tool_calls": tuple(call for part in self._calls for call in part.calls_so_far()),
        }

    def lost(self) -> None:
        """Redis may or may not have what was written: readers who miss it see a gap, which the next entry heals."""
        self._anew = True

    def again(self, pieces: list[Piece]) -> list[Piece]:
        """The pieces for a stream that is no longer there: the first one holds the whole text."""
        first, *rest = pieces
        if first.end:
            # Numbered as before, so that a reader who missed nothing sees nothing.
            self._number += 1
            return [
                Piece(number=first.number, **self._so_far()),
                Piece(number=self._number, end=True),
            ]
        written = [part.written for part in self._calls]
        made = [part.calls_so_far() for part in self._calls]
        for piece in reversed(rest):
            if piece.text:
                written[piece.call] = written[piece.call].removesuffix(piece.text)
            if piece.tool_call is not None:
                take_back(made[piece.call], piece.tool_call)
        later = sum(piece.event == ITEM for piece in rest)
        items = tuple(self._items[: len(self._items) - later])
        calls = tuple(call for part in made for call in part)
        return [replace(first, so_far=tuple(written), items=items, tool_calls=calls), *rest]


class Live:
    """The attempts of this process that somebody may read."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self._texts: set[LiveText] = set()
        self._started = False
        self._looks_at: float | None = None
        """When the thread will look next by itself; None: when it is told to."""

    @contextmanager
    def following(self, claim: Claim) -> Iterator[LiveText]:
        """Readers see the attempt's text while the block runs, and are told when it is left."""
        text = LiveText(self, claim)
        try:
            _ask([text])
        except RedisAway as error:
            log.warning("event=live_text_unasked reason=%r", str(error))
        text.look_at = time.monotonic() + LOOK_EVERY_S
        with self.changed:
            self._texts.add(text)
            if not self._started:
                self._started = True
                threading.Thread(target=self._run, name="live", daemon=True).start()
            # Waking it for every attempt would cost more than what it does for most of them: nothing.
            if self._looks_at is None or self._looks_at > text.look_at:
                self.changed.notify()
        try:
            yield text
        finally:
            with self.changed:
                # What has not been written to its end is dropped by the thread: a slow machine's last word counts.
                if not text.ending or text.ended.is_set():
                    self._texts.discard(text)
            if text.wanted:
                _tell(text)

    def _run(self) -> None:
        while True:
            try:
                self._step()
            except RedisAway as error:
                log.warning("event=live_text_not_sent reason=%r", str(error))
                time.sleep(_AWAY_S)
            except Exception:
                log.exception("event=live_text_error")  # the thread serves every later attempt too

    def _step(self) -> None:
        with self.changed:
            pause_s = self._pause()
            self._looks_at = None if pause_s is None else time.monotonic() + pause_s
            self.changed.wait(pause_s)
            self._looks_at = 0.0  # awake: whoever comes now is seen when it looks how long to wait
            now = time.monotonic()
            asked = [text for text in self._texts if not text.wanted and text.look_at <= now]
            for text in asked:
                text.look_at = now + LOOK_EVERY_S
        if asked:
            _ask(asked)
        with self.changed:
            writing = [
                (text, text.take())
                for text in self._texts
                if text.due and (text.ending or text.write_at <= now) and not text.ended.is_set()
            ]
            for text, _ in writing:
                text.write_at = now + 1 / PER_S
        if writing:
            try:
                _write(writing)
            finally:
                with self.changed:
                    self._texts -= {text for text, _ in writing if text.ended.is_set()}

    def _pause(self) -> float | None:
        """Seconds until something is to be done; None: until somebody says so."""
        now = time.monotonic()
        times = [
            (now if text.ending else text.write_at) if text.due else text.look_at
            for text in self._texts
            if (text.due or not text.wanted) and not text.ended.is_set()
        ]
        return max(0.0, min(times) - now) if times else None


def _ask(texts: list[LiveText]) -> None:
    """Which of them does somebody read? Those readers learn that the attempt runs."""
    answers = call(lambda redis: redis.mget([text.wanted_key for text in texts]))
    for text, answer in zip(texts, answers, strict=True):
        if answer is not None:
            text.wanted = True
            _tell(text)


def _tell(text: LiveText) -> None:
    try:
        call(lambda redis: redis.publish(text.channel, '{"moved":1}'))
    except RedisAway as error:
        log.warning("event=notice_not_sent reason=%r", str(error))


def _write(writing: list[tuple[LiveText, list[Piece]]]) -> None:
    try:
        gone = call(lambda redis: _send(redis, writing))
        if gone:  # Redis was emptied since
            call(lambda redis: _send(redis, [(text, text.again(pieces)) for text, pieces in gone]))
    except RedisAway:
        for text, _ in writing:
            text.lost()
        raise
    finally:
        for text, pieces in writing:
            # By what was taken: the attempt may have come to its end since, and its last piece is still to be written.
            if pieces[-1].end:
                text.ended.set()


def _send(redis: Redis, writing: list[tuple[LiveText, list[Piece]]]) -> list[tuple[LiveText, list[Piece]]]:
    """Write all pieces in one round trip; those whose stream is not there any more."""
    pipeline = redis.pipeline(transaction=False)
    for text, pieces in writing:
        begins = pieces[0].so_far is not None
        for index, piece in enumerate(pieces):
            fields: dict[Any, Any] = {**piece.fields()}
            first = begins and index == 0
            pipeline.xadd(text.key, fields, id=f"{piece.number}-0", nomkstream=not first)
        pipeline.expire(text.key, TTL_S)
        pipeline.publish(text.channel, json.dumps({"text": 1}))
    answers = iter(pipeline.execute(raise_on_error=False))
    gone = []
    for text, pieces in writing:
        mine = [next(answers) for _ in range(len(pieces) + 2)]
        error = next((answer for answer in mine if isinstance(answer, RedisError)), None)
        if error is not None:
            log.warning("event=live_text_refused reason=%r", str(error))
            text.lost()
        elif mine[0] is None:
            gone.append((text, pieces))
    return gone

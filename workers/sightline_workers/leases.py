"""The heartbeat of a worker process: renews its leases, and stops attempts that are no longer its own.

One thread for all attempts. Every second it looks which claims still hold; every third of a lease it renews them.
A second thread listens for aborts, so that a cancelled job leaves its seat within milliseconds.
"""

import json
import logging
import os
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

import redis
from django.conf import settings
from django.db import Error, connection

from sightline import ids
from sightline.events.notify import ABORTS
from sightline.jobs.claims import Claim
from sightline.jobs.services.inherit import inherited
from sightline.jobs.services.renew import held, renew
from sightline_workers.engines.contract import Abort

log = logging.getLogger(__name__)

LOST, CANCELLED, DRAIN, TIMEOUT, DEADLINE = "lease lost", "cancelled", "drain", "timeout", "deadline"
LOOK_EVERY_S = 1.0
_GRACE_S = 5.0


class _Attempt:
    def __init__(self, claim: Claim, abort: Abort, limit_s: float, reason_at_limit: str) -> None:
        self.key = (claim.job_id, claim.fence)
        self.claim = claim
        self.abort = abort
        self.ends_at = time.monotonic() + limit_s
        self.reason_at_limit = reason_at_limit
        self.renewed_at = time.monotonic()

    def go_on_for(self, heir: Claim, now: float) -> None:
        """The job was cancelled and another one wants its answer: the other one's deadline counts from here on."""
        self.claim = heir
        if self.reason_at_limit == DEADLINE:
            self.ends_at, self.reason_at_limit = now + settings.ATTEMPT_TIMEOUT_S, TIMEOUT
        if heir.deadline_in_s is not None and now + heir.deadline_in_s < self.ends_at:
            self.ends_at, self.reason_at_limit = now + heir.deadline_in_s, DEADLINE


class Leases:
    """The claims that this process holds."""

    def __init__(self, node: str) -> None:
        # The node name survives a restart, the token does not: a new process never renews an old one's leases.
        self.worker = f"{node}#{os.getpid()}-{secrets.token_hex(3)}"
        # By job and fence: a process that was frozen past its lease may claim the very job that one of its
        # threads still works on, and the new claim must not be forgotten when the old one ends.
        self._attempts: dict[tuple[UUID, int], _Attempt] = {}
        self._lock = threading.Lock()
        self._started = False
        self._draining = False

    @contextmanager
    def holding(self, claim: Claim, *, limit_s: float, reason_at_limit: str) -> Iterator[Abort]:
        """Keep the claim's lease while the block runs; the `Abort` is set when it must stop, with the reason."""
        attempt = _Attempt(claim, Abort(), limit_s, reason_at_limit)
        with self._lock:
            self._attempts[claim.job_id, claim.fence] = attempt
            self._start()
        try:
            yield attempt.abort
        finally:
            with self._lock:
                del self._attempts[claim.job_id, claim.fence]

    def abort_all(self, reason: str) -> None:
        """Stop every attempt of the process."""
        with self._lock:
            attempts = list(self._attempts.values())
        for attempt in attempts:
            attempt.abort.set(reason)

    def drain(self, within_s: float) -> None:
        """Let the attempts end by themselves for so long, then hand the rest back."""
        with self._lock:
            if self._draining:
                return
            self._draining = True
        timer = threading.Timer(within_s, self.abort_all, [DRAIN])
        timer.daemon = True
        timer.start()

    def _start(self) -> None:
        if self._started:
            return
        self._started = True
        threading.Thread(target=self._beat, name="leases", daemon=True).start()
        threading.Thread(target=self._listen, name="aborts", daemon=True).start()

    def _beat(self) -> None:
        renewed = time.monotonic()
        while True:
            time.sleep(LOOK_EVERY_S)
            began = time.monotonic()
            renewing = began - renewed >= min(settings.LEASE_S / 3, 10.0)
            with self._lock:
                attempts = list(self._attempts.values())
            try:
                self._look(attempts, began, renewing=renewing)
                if renewing:
                    renewed = began
            except Error as error:
                log.warning("event=renew_failed reason=%r", str(error))
                connection.close()
            except Exception:
                # Without this thread every lease of the process lapses, again and again.
                log.exception("event=renew_error")
            for attempt in attempts:
                # Without the database nobody knows whether the lease still holds; past it, somebody else may run it.
                if time.monotonic() - attempt.renewed_at > settings.LEASE_S:
                    attempt.abort.set(LOST)

    def _look(self, attempts: list[_Attempt], now: float, *, renewing: bool) -> None:
        for attempt in attempts:
            if now > attempt.ends_at:
                attempt.abort.set(attempt.reason_at_limit)
        # An attempt that ignores its limit is given up: its lease lapses and somebody else takes the job.
        living = [a for a in attempts if now <= a.ends_at + _GRACE_S]
        if not living:
            return
        ask = renew if renewing else held
        valid = ask(worker=self.worker, job_ids=[a.claim.job_id for a in living])
        for attempt in living:
            if valid.get(attempt.claim.job_id) == attempt.claim.fence:
                if renewing:
                    attempt.renewed_at = now
            elif self._holds(attempt):  # not one that finished between the query and now
                heir = inherited(attempt.claim)
                if heir is not None:
                    attempt.go_on_for(heir, now)
                else:
                    attempt.abort.set(CANCELLED)

    def _holds(self, attempt: _Attempt) -> bool:
        with self._lock:
            return self._attempts.get(attempt.key) is attempt

    def _listen(self) -> None:
        while True:
            try:
                self._listen_once()
            except (redis.RedisError, OSError) as error:
                log.warning("event=abort_listener_lost reason=%r", str(error))
            except Exception:
                log.exception("event=abort_listener_error")  # a message that is not ours
            time.sleep(1.0)

    def _listen_once(self) -> None:
        # Its own connection: it blocks for ever, where the shared client gives up quickly.
        client = redis.Redis.from_url(settings.REDIS_URL, socket_timeout=None, health_check_interval=10)
        with client.pubsub(ignore_subscribe_messages=True) as channel:  # type: ignore[no-untyped-call]
            channel.subscribe(ABORTS)
            for message in channel.listen():
                job_id = ids.decode(ids.JOB, json.loads(message["data"])["job"])
                with self._lock:
                    attempts = [a for a in self._attempts.values() if a.claim.job_id == job_id]
                for attempt in attempts:
                    attempt.abort.set(CANCELLED)

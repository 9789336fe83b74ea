"""One GPU's group: keeps an engine and its three Celery workers alive, and says whether the group takes jobs.

The loop ticks a few times a second and never blocks on the engine: a watcher thread asks it. Order matters when an
engine dies: first the group's intake is closed in the database, then the engine is ended, then it starts again.
"""

import logging
import os
import queue
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pynvml
from django.conf import settings
from django.db import Error, connection

from sightline.fleet import groups
from sightline.fleet.models import EngineState
from sightline.processes.child import Child
from sightline_workers import readings
from sightline_workers.engine_process import EngineProcess, Launch
from sightline_workers.engines import revision
from sightline_workers.engines.contract import EngineError
from sightline_workers.engines.openai_http import OpenAIEngine
from sightline_workers.ledger import Ledger
from sightline_workers.membership import Membership

log = logging.getLogger(__name__)

TICK_S = 0.2
REPORT_EVERY_S = 0.5
READY_EVERY_S = 0.25
START_TIMEOUT_S = 1800.0
DEATHS_WITHIN_S = 600.0
SUSPECT_WAIT_S = 10.0
"""How long suspects wait for the group whose engine died before another group tests them."""
TESTS_SUSPECTS = "chat"
"""The worker that runs suspects during probation, whatever their kind."""


@dataclass(frozen=True, kw_only=True)
class GroupOptions:
    """What a group serves and with what."""

    name: str
    """`gpu0`, `gpu0-1` (tensor parallel), `cpu0`."""
    host: str
    tag: str
    gpus: tuple[str, ...]
    """GPU UUIDs; empty on the CPU."""
    seats: Mapping[str, int]
    """Seats by kind that the engine is started for; an operator may share them out anew while it runs."""
    folder: Path
    """Where its children's records and its socket lie."""

    @property
    def id(self) -> str:
        return f"{self.name}@{self.host}"


class GroupSupervisor:
    """Runs until `stop` is set, then drains and leaves nothing behind."""

    def __init__(
        self,
        options: GroupOptions,
        launch: Launch,
        *,
        on_line: Callable[[str, str], None],
        on_state: Callable[[EngineState, str], None],
    ) -> None:
        self._options = options
        self._on_line = on_line
        self._on_state = on_state
        client = OpenAIEngine(
            launch.base_url,
            max_concurrency=sum(options.seats.values()) + 1,
            api_key=settings.ENGINE_API_KEY or None,
            control_timeout_s=min(5.0, settings.CANARY_TIMEOUT_S),
        )
        self._engine = EngineProcess(
            launch,
            folder=options.folder,
            on_line=lambda line: on_line("engine", line),
            client=client,
        )
        self._ledger = Ledger(options.folder / "budget.sock")
        self._workers = {kind: self._worker(kind, launch) for kind in options.seats}
        self._worker_restarts: dict[str, tuple[float, int]] = {}
        self._state = EngineState.STARTING
        self._detail = ""
        self._facts: dict[str, Any] = {}
        self._restarts = 0
        self._deaths: list[float] = []
        self._restart_at = 0.0
        self._probation = False
        self._suspects_since: float | None = None
        self._reported = 0.0
        # What the watcher thread found out; the loop alone decides what follows.
        self._findings: queue.SimpleQueue[tuple[str, int | None]] = queue.SimpleQueue()
        self._watcher: threading.Thread | None = None
        self._over = threading.Event()

    def run(self, stop: threading.Event) -> None:
        options = self._options
        groups.register(
            name=options.name,
            host=options.host,
            tag=options.tag,
            gpus=options.gpus,
            engine_url=self._engine.launch.base_url,
            seats=options.seats,
        )
        try:
            self._start_engine()
            for worker in self._workers.values():
                worker.start()
            while not stop.wait(TICK_S):
                self._tick()
        finally:
            self._shut_down()

    # --- the loop ---------------------------------------------------------------------------------------------

    def _tick(self) -> None:
        while not self._findings.empty():
            finding, pid = self._findings.get()
            if pid == self._engine.pid:  # not the last word of a watcher whose engine is gone
                self._heed(finding)
        if self._state in (EngineState.STARTING, EngineState.LIVE) and not self._engine.alive():
            self._engine_died(f"the engine's process ended with {self._engine.exit_code}")
        if (
            self._state in (EngineState.RESTARTING, EngineState.FAILED)
            and time.monotonic() >= self._restart_at
        ):
            self._start_engine()
        self._keep_workers()
        if time.monotonic() - self._reported >= REPORT_EVERY_S:
            self._report()

    def _heed(self, finding: str) -> None:
        if finding == "ready" and self._state is EngineState.STARTING:
            self._set(EngineState.LIVE, "")
        elif finding == "hung" and self._state is EngineState.LIVE:
            # The intake is closed with this; a hung engine may take a while to be gone.
            self._set(EngineState.HUNG, "no canary answered and no token generated")
            self._engine.kill()
            self._engine_died("the engine hung")
        elif finding == "never ready" and self._state is EngineState.STARTING:
            self._engine_died("the engine did not become ready")

    def _set(self, state: EngineState, detail: str) -> None:
        self._state, self._detail = state, detail
        self._on_state(state, detail)
        log.info("event=engine_state group=%s state=%s detail=%r", self._options.id, state, detail)
        self._report()

    def _start_engine(self) -> None:
        self._read_revision()  # before it loads: a checkpoint that is replaced meanwhile must not pass for this one
        self._set(EngineState.STARTING, "")
        self._engine.start()
        self._watcher = threading.Thread(
            target=self._watch, args=[self._engine.pid], name="watch", daemon=True
        )
        self._watcher.start()

    def _engine_died(self, why: str) -> None:
        now = time.monotonic()
        self._deaths = [death for death in self._deaths if now - death < DEATHS_WITHIN_S] + [now]
        # Whoever was aboard comes back as a suspect, and this group tests them first.
        self._probation = True
        self._restarts += 1
        if self._engine.ours and len(self._deaths) > settings.ENGINE_DEATHS:
            # Out of the fleet, but not for ever: whatever broke it may have been put right.
            self._restart_at = now + DEATHS_WITHIN_S
            self._set(EngineState.FAILED, f"{why}; it died {len(self._deaths)} times within ten minutes")
        else:
            pause = min(settings.RESTART_PAUSE_S, 0.5 * 2 ** (len(self._deaths) - 1))
            self._restart_at = now + pause
            self._set(EngineState.RESTARTING, why)
        self._ledger.open(None)
        self._facts = {**self._facts, "readings": {}}
        self._engine.kill()

    def _watch(self, pid: int | None) -> None:
        """Ask one life of the engine whether it is ready, then whether it still makes progress."""
        began, pace = time.monotonic(), readings.Pace()
        while not self._engine.ready():
            if not self._engine.alive() or self._engine.pid != pid:
                return
            if time.monotonic() - began > START_TIMEOUT_S:
                self._findings.put(("never ready", pid))
                return
            if self._over.wait(READY_EVERY_S):
                return
        self._learn_capacity()
        self._ask_revision()
        self._findings.put(("ready", pid))
        while self._engine.alive() and self._engine.pid == pid:
            if self._engine.hung():
                self._findings.put(("hung", pid))
                return
            self._read(pace)
            self._ask_revision()
            if self._over.wait(settings.CANARY_EVERY_S):
                return

    def _learn_capacity(self) -> None:
        try:
            capacity = self._engine.client.capacity()
        except EngineError as error:
            log.warning("event=capacity_unknown group=%s reason=%r", self._options.id, error.message)
            return
        self._facts = {
            **self._facts,
            "kv_tokens": capacity.kv_tokens,
            "max_model_len": capacity.max_model_len,
        }
        self._ledger.open(capacity.kv_tokens)

    def _read_revision(self) -> None:
        """What an engine of ours is about to load. Unknown, its answers are not used again."""
        read = self._engine.launch.revision
        try:
            found = read() if read is not None else ""
        except (OSError, ValueError) as error:
            log.warning("event=revision_unknown group=%s reason=%r", self._options.id, str(error))
            found = ""
        self._facts = {**self._facts, "revision": found}

    def _ask_revision(self) -> None:
        """What an engine elsewhere says that it serves; it may have been replaced behind its address."""
        if self._engine.launch.revision is not None:
            return
        try:
            found = revision.of_cards(self._engine.client.cards(), settings.MODELS.get(self._options.tag, {}))
        except EngineError:
            return  # the next look tells, or `hung`
        self._facts = {**self._facts, "revision": found}

    def _read(self, pace: readings.Pace) -> None:
        try:
            taken = readings.take(
                client=self._engine.client, gpus=self._options.gpus, tokens_in_flight=self._ledger.held
            )
        except (EngineError, pynvml.NVMLError) as error:
            log.warning("event=readings_missing group=%s reason=%r", self._options.id, str(error))
            return
        self._facts = {**self._facts, "readings": asdict(pace.of(taken))}

    # --- what the database is told ----------------------------------------------------------------------------

    def _report(self) -> None:
        self._reported = time.monotonic()
        try:
            self._settle_probation()
            groups.report(
                group_id=self._options.id,
                state=self._state,
                accepting=True,
                probation=self._probation,
                restarts=self._restarts,
                detail=self._detail[:300],
                **self._facts,
            )
        except Error as error:
            log.warning("event=report_failed group=%s reason=%r", self._options.id, str(error))
            connection.close()

    def _settle_probation(self) -> None:
        """Leave probation when no suspect is left; take it over when suspects wait and nobody tests them."""
        if self._state is not EngineState.LIVE:
            return
        tag, group_id = self._options.tag, self._options.id
        if not groups.suspects_waiting(tag=tag):
            self._suspects_since = None
            if self._probation and not groups.aboard(group_id=group_id):
                self._probation = False
            return
        now = time.monotonic()
        self._suspects_since = self._suspects_since or now
        if not self._probation and now - self._suspects_since > SUSPECT_WAIT_S:
            self._probation = not groups.somebody_tests_suspects(tag=tag, but=group_id)

    # --- the workers ------------------------------------------------------------------------------------------

    def _worker(self, kind: str, launch: Launch) -> Child:
        options = self._options
        member = Membership(
            group=options.id,
            kind=kind,
            tag=options.tag,
            seats=options.seats[kind],
            most_seats=sum(options.seats.values()),
            engine_url=launch.base_url,
            served_model=launch.served_model,
            max_concurrency=sum(options.seats.values()) + 1,
            tests_suspects=kind == TESTS_SUSPECTS,
            budget_socket=str(self._ledger.path),
        )
        node = f"{kind}-{options.name}@{options.host}"
        # It starts on a queue that nobody fills, and consumes what its group's row allows (`intake.py`). It has
        # threads for all the seats that it may ever be given; they start when they are needed.
        argv = [
            *(sys.executable, "-m", "celery", "--quiet", "-A", "sightline_workers.tasks", "worker"),
            *("--hostname", node, "--queues", f"idle.{node}", "--pool", "threads"),
            *("--concurrency", str(member.most_seats), "--task-events"),
            *("--without-gossip", "--without-mingle", "--loglevel", "WARNING"),
        ]
        env = {**os.environ, **member.environment(), "SIGHTLINE_ROLE": "worker"}
        return Child(
            name=kind,
            argv=argv,
            env=env,
            folder=options.folder,
            on_line=lambda line: self._on_line(kind, line),
        )

    def _keep_workers(self) -> None:
        """Start again what ended, after a pause that grows while it keeps ending at once."""
        now = time.monotonic()
        for kind, worker in self._workers.items():
            if worker.alive():
                continue
            due, times = self._worker_restarts.get(kind, (0.0, 0))
            if due == 0.0:
                times = 0 if now - worker.started_at > 60 else times + 1
                pause = 0.0 if times <= 1 else min(settings.RESTART_PAUSE_S, 0.5 * 2**times)
                self._worker_restarts[kind] = (now + pause, times)
                log.warning(
                    "event=worker_ended group=%s kind=%s code=%s", self._options.id, kind, worker.exit_code
                )
            elif now >= due:
                worker.start()
                self._worker_restarts[kind] = (0.0, times)

    def _shut_down(self) -> None:
        """Drain: no new job, those aboard end within the limit, then the workers, then the engine."""
        self._state, self._detail = EngineState.STOPPED, "shut down"
        self._report()
        stops = [
            threading.Thread(target=worker.stop, args=[settings.DRAIN_S + 10.0])
            for worker in self._workers.values()
        ]
        for thread in stops:
            thread.start()
        for thread in stops:
            thread.join()
        # vLLM answers what is asked while it stops with a stack trace in its log, which looks like a failure.
        self._over.set()
        if self._watcher is not None:
            self._watcher.join(settings.CANARY_TIMEOUT_S)
        self._engine.stop(10.0)
        self._ledger.close()

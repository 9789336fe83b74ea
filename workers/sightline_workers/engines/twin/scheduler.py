"""Seats, the waiting queue and the passing of time in a simulated engine.

All running requests progress at one common rate, so one clock of *work* suffices: it advances by
1 / batch_s(running) a second, and a token comes out when the clock reaches its mark. A heap holds the next
mark of each running request, and a single timer waits for the lowest.
"""

import asyncio
import heapq
from collections.abc import Callable
from dataclasses import dataclass, field

from .chat_request import ChatRequest
from .costs import PROFILES, token_work
from .faults import Faults
from .options import TwinOptions
from .record import Entry, Record
from .tokens import Token

# Tokens closer together than this leave in one go, as those of one engine step do.
_STEP_S = 0.002


@dataclass(kw_only=True, eq=False)
class Sequence:
    """One request on its way through the engine."""

    request: ChatRequest
    entry: Entry
    # Its answer.
    tokens: list[Token]
    # Tokens its answer usually has, which is more or less than `tokens` when it is cut or loops.
    usual_tokens: int
    # Called with the number of tokens that are out by now; the last call has them all.
    on_tokens: Callable[[int], None]
    # Called when it takes its seat.
    on_scheduled: Callable[[], None]
    # The work clock when it took its seat.
    began: float = 0.0
    out: int = 0
    state: str = field(default="waiting")  # "waiting", "running" or "gone"

    @property
    def kv_tokens(self) -> int:
        """KV cache it needs at its end."""
        return self.request.prompt_tokens + len(self.tokens)

    def next_mark(self) -> float:
        """The work clock at which its next token comes out."""
        return self.began + token_work(self.out + 1, self.usual_tokens)


class Scheduler:
    """Priority scheduling as vLLM's: the waiting queue is ordered, the running are never displaced."""

    def __init__(self, options: TwinOptions, faults: Faults, record: Record) -> None:
        self._options = options
        self._profile = PROFILES[options.profile]
        self._faults = faults
        self._record = record
        self._waiting: list[tuple[int, int, Sequence]] = []
        self._marks: list[tuple[float, int, Sequence]] = []
        self.running = 0
        self.waiting = 0
        self.kv_used = 0
        self._work = 0.0
        self._at = 0.0  # loop time for which `_work` holds
        self._timer: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()

    @property
    def aboard(self) -> int:
        """Requests running or waiting: what --max-num-queued-reqs bounds."""
        return self.running + self.waiting

    def add(self, sequence: Sequence) -> None:
        """Put a request into the waiting queue; it starts at once if there is a seat."""
        heapq.heappush(self._waiting, (sequence.request.priority, sequence.entry.number, sequence))
        self.waiting += 1
        self._advance()
        self._fill_seats()
        self._arm()

    def abort(self, sequence: Sequence) -> None:
        """Drop a request whose client went away; its seat is free at once."""
        if sequence.state == "gone":
            return
        self._advance()
        if sequence.state == "running":
            self._leave(sequence)
        else:
            self.waiting -= 1
        sequence.state = "gone"
        self._record.finished(sequence.entry, "abort")
        self._fill_seats()
        self._arm()

    def release(self, sequence: Sequence) -> None:
        """Drop a running request that failed inside the engine; the caller has recorded it."""
        if sequence.state == "running":
            self._leave(sequence)
            self._fill_seats()

    def faults_changed(self) -> None:
        """The rate may be another one from now on."""
        self._fill_seats()
        self._arm()

    def before_faults_change(self) -> None:
        """Account for the time that passed under the old switches."""
        self._advance()

    def _seconds_per_work(self) -> float | None:
        """None while nothing proceeds; 0 where work takes no time."""
        if self._faults.hang:
            return None
        batch_s = self._profile.batch_s(self.running) / self._options.speed
        return batch_s * self._faults.slow + self._faults.delay_s

    def _advance(self) -> None:
        """Bring the work clock up to now. Instant work is done by `_arm` and `_tick`, not here."""
        at = self._loop.time()
        seconds = self._seconds_per_work()
        if seconds and self.running:
            self._work += (at - self._at) / seconds
        self._at = at

    def _fill_seats(self) -> None:
        if self._faults.hang:
            return
        while self._waiting and self.running < self._options.max_num_seqs:
            sequence = self._waiting[0][2]
            if sequence.state == "gone":
                heapq.heappop(self._waiting)
                continue
            if self.running and self.kv_used + sequence.kv_tokens > self._options.kv_tokens:
                return
            heapq.heappop(self._waiting)
            self.waiting -= 1
            self.running += 1
            self.kv_used += sequence.kv_tokens
            sequence.state = "running"
            sequence.began = self._work
            self._record.scheduled(sequence.entry, self.running)
            heapq.heappush(self._marks, (sequence.next_mark(), sequence.entry.number, sequence))
            sequence.on_scheduled()

    def _leave(self, sequence: Sequence) -> None:
        self.running -= 1
        self.kv_used -= sequence.kv_tokens
        sequence.state = "gone"

    def _arm(self) -> None:
        """Set the timer for the next token."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._marks and self._marks[0][2].state == "gone":
            heapq.heappop(self._marks)
        seconds = self._seconds_per_work()
        if seconds is None or not self._marks:
            return
        wait = max(0.0, self._marks[0][0] - self._work) * seconds
        self._timer = self._loop.call_later(max(wait, _STEP_S) if seconds else 0.0, self._tick)

    def _tick(self) -> None:
        """Let out every token whose mark has come."""
        self._timer = None
        if not self._seconds_per_work():
            # Nothing takes time: everything that runs is finished now.
            self._work = max(
                (mark.began + token_work(len(mark.tokens), mark.usual_tokens) for _, _, mark in self._marks),
                default=self._work,
            )
        self._advance()
        self._record.iterations += 1
        while self._marks and self._marks[0][0] <= self._work:
            sequence = heapq.heappop(self._marks)[2]
            if sequence.state == "gone":
                continue
            before = sequence.out
            while sequence.out < len(sequence.tokens) and sequence.next_mark() <= self._work + 1e-9:
                sequence.out += 1
            sequence.out = max(sequence.out, before + 1)
            self._record.generated_tokens += sequence.out - before
            sequence.entry.output_tokens = sequence.out
            if sequence.out >= len(sequence.tokens):
                self._leave(sequence)
            else:
                heapq.heappush(self._marks, (sequence.next_mark(), sequence.entry.number, sequence))
            sequence.on_tokens(sequence.out)
        self._fill_seats()
        self._arm()

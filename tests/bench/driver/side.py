"""One cost profile of the twin with everything that is compared on it: the systems, each ready for its users."""

import asyncio
import math
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from sightline_workers.engines.twin.costs import PROFILES

from . import systems, trace, users, workload
from .stack import GPU_SEATS, Stack
from .systems import System
from .trace import Asked
from .twin import Twin

PLAIN, CACHED = "Sightline", "Sightline, cached"
BASE, RQ, BARE = "synchronous", "RQ", "bare clients"
ORDER = (BASE, RQ, PLAIN, CACHED, BARE)
MOST_AT_ONCE = 160
"""Requests that the engine runs, however many there are."""
POLL_S = 0.5
"""How often a user of RQ asks for its result."""


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How fast an engine answers a crowd."""

    round_s: float
    """Seconds until each user had an answer."""
    step_s: float
    """Seconds that a batch takes: those that began together end together."""

    def window_s(self, share: float) -> float:
        """Length of a window: most of a round, and whole batches, or it would count one more or less by chance."""
        steps = math.ceil(max(8.0, 0.8 * self.round_s) / self.step_s)
        return max(1.0, share * steps * self.step_s)

    def warm_up_s(self, share: float) -> float:
        """Until the queue is full: a round."""
        return max(2.0, share * max(3.0, self.round_s))


@dataclass(frozen=True, kw_only=True)
class Side:
    """One profile: twins at its published speed and what stands in front of them.

    The systems that go to the engine one by one have a twin each, so that they can be measured side by side.
    """

    profile: str
    requests: trace.Requests
    twin: Twin
    """Of Sightline and of bare clients."""
    stack: Stack
    synchronous: System
    synchronous_twin: Twin
    rq: System
    rq_twin: Twin

    @classmethod
    def start(cls, things: ExitStack, folder: Path, profile: str, pictures: list[workload.Picture]) -> "Side":
        folder.mkdir()
        twins = [
            things.enter_context(Twin(folder, name=name, profile=profile, max_num_seqs=MOST_AT_ONCE))
            for name in ("twin", "synchronous-twin", "rq-twin")
        ]
        requests = trace.Requests(pictures)
        bodies = [map(requests.engine, trace.zipf()) for _ in range(2)]
        stack = things.enter_context(Stack(folder / "platform", settings={"SIGHTLINE_CACHE": "true"}))
        stack.group(engine_url=twins[0].url)
        stack.workers_listen("gpu0")
        return cls(
            profile=profile,
            requests=requests,
            twin=twins[0],
            stack=stack,
            synchronous=systems.synchronous(things, folder, twins[1].url, bodies[0].__next__),
            synchronous_twin=twins[1],
            rq=systems.rq(things, folder, twins[2].url, bodies[1].__next__, poll_s=POLL_S),
            rq_twin=twins[2],
        )

    def bare(self) -> System:
        """Clients that send the trace to the engine themselves."""
        return systems.bare(self.twin.url, map(self.requests.engine, trace.zipf()).__next__)

    def plain(self, asked: Asked) -> System:
        """The platform on the trace without its cache; notes what was asked."""
        return self._sightline(PLAIN, trace.zipf(), asked, "off")

    def cached(self, asked: Asked) -> System:
        """The same with its cache."""
        return self._sightline(CACHED, trace.zipf(), asked, "exact")

    def _sightline(self, name: str, keys: Iterator[int], asked: Asked, cache: str) -> System:
        def body(key: int) -> bytes:
            return self.requests.native(key, cache=cache)

        return System(
            name=name,
            users=lambda count: [users.asking_user(self.stack, keys, body, asked) for _ in range(count)],
            processes=self.stack.processes,
        )

    async def fill(self, system: System, asked: Asked, requests: int, *, speed: float) -> None:
        """Let so many requests fill the cache, while the engine is so many times faster."""

        async def use(user: users.User) -> None:
            while len(asked.keys) < requests:
                await user()

        self.twin.faults(slow=1 / speed)
        await asyncio.gather(*map(use, system.users(32)))
        self.twin.faults(slow=1.0)

    def pace(self, count: int, *, seats: int = GPU_SEATS["chat"]) -> "Pace":
        """Of so many users on an engine that runs as many at once as there are seats."""
        running = min(count, seats)
        batch_s = PROFILES[self.profile].batch_s(running)
        return Pace(round_s=batch_s * count / running, step_s=batch_s)

    def one_by_one(self, count: int, *, more_s: float = 0.0) -> "Pace":
        """The same for an engine that gets one request at a time; `more_s`: seconds that each takes beside it."""
        each_s = PROFILES[self.profile].batch_s(1) + more_s
        return Pace(round_s=each_s * count, step_s=each_s)

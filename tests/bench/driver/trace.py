"""A trace of requests by Zipf's law, in the forms that the systems take, and what became of it."""

import bisect
import itertools
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from . import workload

KEYS, EXPONENT, NEVER_REPEATED = 20_000, 1.1, 0.06
"""So many different requests, asked for by Zipf's law, and a share that nobody ever asks again."""
_SEED = 1


def zipf(seed: int = _SEED) -> Iterator[int]:
    """Keys of requests, without end."""
    chance = random.Random(seed)
    sums = list(itertools.accumulate(rank**-EXPONENT for rank in range(1, KEYS + 1)))
    alone = itertools.count(KEYS)
    while True:
        if chance.random() < NEVER_REPEATED:
            yield next(alone)
        else:
            yield bisect.bisect_left(sums, chance.random() * sums[-1])


class Requests:
    """A chat about a 1080p JPEG in a prompt of 256 tokens at temperature 0, for each key another one.

    Made by putting the prompt of a key into a body that is ready: a picture is encoded once, not a request.
    `more`: further parameters of all of them.
    """

    def __init__(
        self,
        pictures: Sequence[workload.Picture],
        *,
        tokens: int = 256,
        max_tokens: int = 64,
        more: dict[str, Any] | None = None,
    ) -> None:
        self._tokens = tokens
        tasks = [
            workload.chat(
                picture, seed=0, tokens=tokens, max_tokens=max_tokens, more={"temperature": 0, **(more or {})}
            )
            for picture in pictures
        ]
        asked = workload.prompt(tokens, 0).encode()
        self._engine = [task.plain("default").split(asked) for task in tasks]
        self._native = [task.native().split(asked) for task in tasks]

    def engine(self, key: int) -> bytes:
        """As somebody sends it who calls the engine himself."""
        return self._with(self._engine, key)

    def native(self, key: int, *, cache: str) -> bytes:
        """As the platform takes it; `cache`: off or exact."""
        body = self._with(self._native, key)
        return b'%b,"cache":{"mode":"%b"}}' % (body[:-1], cache.encode())

    def _with(self, bodies: list[list[bytes]], key: int) -> bytes:
        before, after = bodies[key % len(bodies)]
        return before + workload.prompt(self._tokens, key).encode() + after


@dataclass
class Asked:
    """The requests of a trace that were sent, and who answered them."""

    keys: list[int] = field(default_factory=list)
    """In the order in which they were sent."""
    served: Counter[str] = field(default_factory=Counter)
    """By where their answers came from: engine, cache, coalesced."""
    refused: Counter[str] = field(default_factory=Counter)
    """Those that did not end well, by status and code."""

    def at_best(self, since: int, until: int) -> dict[str, float]:
        """Shares of the requests number `since` to `until` for what a cache without limits would have served them
        from: the engine what is new, L2 what is asked for the second time, L1 what is asked for more often (it gets
        an answer when L2 was asked for it)."""
        before = Counter(self.keys[:since])
        counts: Counter[str] = Counter()
        for key in self.keys[since:until]:
            counts[("engine", "l2", "l1")[min(before[key], 2)]] += 1
            before[key] += 1
        return {name: counts[name] / max(1, until - since) for name in ("engine", "l2", "l1")}

"""Asking again: after a refusal that passes, and after a connection that broke."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

import httpx

from sightline.client.errors import Unreachable, refusal
from sightline.client.wire import Answer, Flow, Open, Pause, Request, Send, seconds_to_wait

_PASSING = frozenset({429, 502, 503, 504})
_IN_PROGRESS = "idempotency_in_progress"
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.2, 5.0
_TOLD_AT = 3
"""Tries that failed before somebody is told: most troubles are over by then."""


class Patience:
    """How long one client goes on asking.

    A server that never answered is reported at once: it is not there. One that did answer restarts, or the network
    fails for a moment: it is asked again for `seconds`.
    """

    def __init__(
        self, *, url: str, seconds: float, on_trouble: Callable[[str], object] | None = None
    ) -> None:
        self.url = url
        self.seconds = seconds
        self._on_trouble = on_trouble
        self._met = False

    def send(self, request: Request) -> Flow[Answer]:
        """The answer to a request that may be repeated without harm. Raises Refused, Unreachable, NoApi."""
        answer = yield from self._ask(Send(request=request))
        if not answer.ok:
            raise refusal(answer)
        return answer

    def open(self, request: Request) -> Flow[Answer]:
        """The same for an answer whose body is read piece by piece."""
        answer = yield from self._ask(Open(request=request))
        if not answer.ok:
            raise refusal(answer)
        return answer

    def _ask(self, effect: Send | Open) -> Flow[Answer]:
        until = time.monotonic() + self.seconds
        tries = 0
        while True:
            pause = pause_after_break(tries)
            trouble = f"{self.url} does not answer"
            try:
                answer: Answer = yield effect
            except httpx.ConnectError as error:
                if not self._met or time.monotonic() + pause > until:
                    raise Unreachable(
                        f"Nobody answers at {self.url}. Is the platform running (`make up`)?"
                    ) from error
            except httpx.TransportError as error:
                if time.monotonic() + pause > until:
                    raise Unreachable(f"{self.url} broke off: {error or type(error).__name__}") from error
            else:
                self._met = True
                asked = _asked_to_wait(answer, tries)
                if asked is None or time.monotonic() + asked > until:
                    return answer
                pause, trouble = asked, _busy(answer)
            tries += 1
            if tries == _TOLD_AT and self._on_trouble is not None:
                self._on_trouble(f"{trouble}; asking again for up to {until - time.monotonic():.0f} s.")
            yield Pause(seconds=pause)


def pause_after_break(tries: int) -> float:
    """Seconds before the next try: growing, and never the same for two clients."""
    longest = min(_FIRST_PAUSE_S * 2.0 ** min(tries, 10), _LONGEST_PAUSE_S)
    return longest * random.uniform(0.5, 1.0)  # noqa: S311 - spreads clients, keeps no secret


def _busy(answer: Answer) -> str:
    document = answer.json()
    detail = document.get("detail") if isinstance(document, dict) else None
    return str(detail or f"The server is busy (HTTP {answer.status})").rstrip(".")


def _asked_to_wait(answer: Answer, tries: int) -> float | None:
    """Seconds until it is worth asking again; None when the answer stands."""
    passing = answer.status in _PASSING
    if answer.status == 409:
        document = answer.json()
        passing = isinstance(document, dict) and document.get("code") == _IN_PROGRESS
    if not passing:
        return None
    wanted = seconds_to_wait(answer)
    return pause_after_break(tries) if wanted is None else max(wanted, 0.05)

"""The switches that make a simulated engine misbehave, set at run time through `/twin/faults`."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

# A count of this many means "until switched off".
ALWAYS = -1


@dataclass(kw_only=True)
class Faults:
    """All switches off by default. Counts go down with each request that they hit; -1 never ends."""

    # Everything takes this many times as long.
    slow: float = 1.0
    # Seconds added to every request, which also slows the instant profile.
    delay_s: float = 0.0
    # Requests are accepted and nothing proceeds; /health still answers 200.
    hang: bool = False
    # The process ends at once, as if killed, with status 137.
    crash: bool = False
    # It ends when this many more requests have been scheduled; None: never.
    crash_after: int | None = None
    # Requests answered with the 500 of a dead EngineCore; the connection's next request is reset.
    error500: int = 0
    # Requests refused as beyond --max-num-queued-reqs.
    busy: int = 0
    # Requests whose connection is reset before the first byte.
    reset: int = 0
    # Requests whose connection is reset in the middle of the answer.
    reset_mid: int = 0
    # Requests whose answer repeats itself until max_tokens.
    loop: int = 0
    # Requests whose answer is malformed: a broken tool call, a list that never closes.
    bad_json: int = 0
    # Text in the prompt, or SHA-256 (hex) of an image's bytes, that kills the process once scheduled.
    poison: list[str] = field(default_factory=list)

    def update(self, values: Mapping[str, Any]) -> None:
        """Set some switches. Raises ValueError for a name or a type that does not exist."""
        known = asdict(self)
        for name, value in values.items():
            if name not in known:
                raise ValueError(f"no fault is called {name!r}; there are {', '.join(known)}")
            if name == "poison":
                fits = isinstance(value, list) and all(isinstance(item, str) and item for item in value)
            elif name in ("slow", "delay_s"):
                fits = isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 0
            elif name in ("hang", "crash"):
                fits = isinstance(value, bool)
            else:
                fits = (isinstance(value, int) and value >= ALWAYS) or (
                    name == "crash_after" and value is None
                )
            if not fits:
                raise ValueError(f"{name} cannot be {value!r}")
        for name, value in values.items():
            setattr(self, name, value)

    def hits(self, name: str) -> bool:
        """Whether the counted fault `name` hits the present request; counts it down."""
        count: int = getattr(self, name)
        if count > 0:
            setattr(self, name, count - 1)
        return count != 0

    def is_poison(self, text: str, digests: list[str]) -> bool:
        """Whether a prompt or one of its images is marked."""
        return any(marker in text or marker in digests for marker in self.poison)

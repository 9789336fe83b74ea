"""How a simulated engine is set up."""

from dataclasses import dataclass

from .costs import PROFILES


@dataclass(frozen=True, kw_only=True)
class TwinOptions:
    """One simulated engine. Raises ValueError for values that make no sense."""

    # Address it listens on; port 0 takes a free one.
    host: str = "127.0.0.1"
    port: int = 0
    # Name it serves its model under.
    model: str = "default"
    # Name of a cost profile, see `costs`.
    profile: str = "instant"
    # How many times faster than the profile it runs.
    speed: float = 1.0
    # Requests it runs at once (vLLM's --max-num-seqs); the others wait by priority.
    max_num_seqs: int = 137
    # Requests aboard, running or waiting, beyond which it refuses (--max-num-queued-reqs); None: no limit.
    max_num_queued_reqs: int | None = None
    # Tokens of prompt and answer that a request may have together.
    max_model_len: int = 32_768
    # Tokens its KV cache holds. A request waits while its prompt and answer do not fit.
    kv_tokens: int = 2_000_000
    # Images that one request may carry (--limit-mm-per-prompt).
    max_images: int = 16
    # Text in the prompt, or SHA-256 (hex) of an image's bytes, that kills the process once scheduled; unlike the
    # switch of this name it survives a restart. Empty: none.
    poison: str = ""

    def __post_init__(self) -> None:
        if self.profile not in PROFILES:
            raise ValueError(f"profile is one of {', '.join(sorted(PROFILES))}, not {self.profile!r}")
        for name in ("speed", "max_num_seqs", "max_model_len", "kv_tokens", "max_images"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} is greater than 0, not {getattr(self, name)}")
